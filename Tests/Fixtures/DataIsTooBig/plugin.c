/* The second event is `bytes` long. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "well-formed";
        return SLUICE_NEXT_EVENT;
    }
    stream->memory = malloc((size_t)stream->bytes);
    if (stream->memory == NULL)
        abort();
    memset(stream->memory, 'x', (size_t)stream->bytes);
    event->data = stream->memory;
    event->data_length = (size_t)stream->bytes;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "data-is-too-big", .flags = SLUICE_NONBLOCKING, .next = next)
