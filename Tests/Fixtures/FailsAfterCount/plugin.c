/* Fails after `count` numbered events, with a reason. With ?ids=1, their numbers are also their IDs. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count) {
        host->fail(stream->handle, "the well is dry");
        return SLUICE_NEXT_ERROR;
    }
    stream->steps++;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    if (asked(stream, "ids", 0) == 1)
        event->id = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "fails-after-count", .flags = SLUICE_NONBLOCKING, .quiet = true, .next = next)
