/* `next` computes, and checks now and then whether it should stop. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "about to compute";
        return SLUICE_NEXT_EVENT;
    }
    while (!host->is_cancelled(stream->handle))
        sleep_ms(2);
    return SLUICE_NEXT_WAIT;
}

FIXTURE(.name = "polls-cancelled", .next = next)
