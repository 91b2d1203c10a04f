/* Shared and blocking: a number, then a sleep of `every` milliseconds within `next`. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "every", 10);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0 && !host->sleep(stream->handle, stream->bytes))
        return SLUICE_NEXT_WAIT;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "shared-sleeps", .flags = SLUICE_SHARED | SLUICE_PLAIN_OPEN, .quiet = true,
        .parameters = "tag: str = \"shared\", every: i64 = 10", .open = open_stream, .next = next)
