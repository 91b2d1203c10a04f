/* Fails after `count` numbered events, with a reason. With ?ids=1, their numbers are also their IDs. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "ids", 0);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count) {
        host->fail(stream->handle, "the well is dry");
        return SLUICE_NEXT_ERROR;
    }
    stream->steps++;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    if (stream->bytes == 1)
        event->id = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "fails-after-count", .flags = SLUICE_NONBLOCKING, .quiet = true, .open = open_stream, .next = next)
