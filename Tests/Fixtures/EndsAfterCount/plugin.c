/* Ends after `count` numbered events. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "ends-after-count", .flags = SLUICE_NONBLOCKING, .next = next)
