/*
 * A number every ?every= milliseconds (10), with an ID to resume from; even ones have the type "even"; ends at ?count=.
 */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    const char *last = host->last_event_id(stream->handle);
    stream->steps = last ? strtoull(last, NULL, 10) : 0;
    stream->bytes = asked(stream, "every", 10);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    event->id_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->id = event->data = stream->text;
    event->data_length = event->id_length;
    if (stream->steps % 2 == 0)
        event->type = "even";
    event->wait_ms = stream->bytes;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "ticks-with-ids", .flags = SLUICE_NONBLOCKING | SLUICE_RESUMABLE, .quiet = true, .open = open_stream,
        .next = next)
