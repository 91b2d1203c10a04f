/* One event, with a reconnection time of ?retry= milliseconds; then nothing. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "retry", 1000);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    event->wait_ms = -1;
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "once";
    event->retry_ms = stream->bytes;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "sets-retry", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
