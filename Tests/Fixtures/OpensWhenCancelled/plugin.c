/* `open` blocks until the host cancels the stream, and then at the gate. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    while (!host->is_cancelled(stream->handle))
        sleep_ms(1);
    ledger_write(stream, "note cancelled");
    pass_gate();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream;
    (void)event;
    return SLUICE_NEXT_WAIT;
}

FIXTURE(.name = "opens-when-cancelled", .open = open_stream, .next = next)
