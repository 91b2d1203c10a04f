/* `next` blocks at the gate, even after `interrupt`. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "about to block";
        return SLUICE_NEXT_EVENT;
    }
    pass_gate();
    event->data = "too late";
    return SLUICE_NEXT_EVENT;
}

static void interrupt(struct stream *stream)
{
    (void)stream;
}

FIXTURE(.name = "ignores-interrupt", .next = next, .interrupt = interrupt)
