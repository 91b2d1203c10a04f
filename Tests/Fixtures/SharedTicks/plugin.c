/* Shared: a number every `every` milliseconds; ends after `count` of them. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "every", 10);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    int length = snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    event->data_length = (size_t)length;
    event->wait_ms = stream->bytes;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "shared-ticks", .flags = SLUICE_NONBLOCKING | SLUICE_SHARED | SLUICE_PLAIN_OPEN, .quiet = true,
        .parameters = "tag: str = \"shared\", every: i64 = 10, count: i64 = -1, cors: bool = false", .open = open_stream, .next = next)
