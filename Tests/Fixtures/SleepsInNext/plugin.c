/* `next` sleeps for a minute with `host->sleep`. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "about to sleep";
        return SLUICE_NEXT_EVENT;
    }
    bool over = host->sleep(stream->handle, 60000);
    ledger_write(stream, "note slept %d", over);
    event->data = "too late";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "sleeps-in-next", .next = next)
