/* For fixtures that complete a close later: a tick every 5 ms; the end after ?count= of them. */
#include "ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    event->data = "tick";
    event->wait_ms = 5;
    return SLUICE_NEXT_EVENT;
}
