/* `open` blocks at the gate. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    (void)stream;
    pass_gate();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream;
    event->data = "through";
    event->wait_ms = 60000;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "opens-at-the-gate", .open = open_stream, .next = next)
