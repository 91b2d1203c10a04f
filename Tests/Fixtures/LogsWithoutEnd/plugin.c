/* `open` logs `count` lines at once. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    for (int64_t i = 0; i < stream->count; i++)
        host->log(stream->handle, SLUICE_LOG_INFO, "and another line");
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "logged";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "logs-without-end", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
