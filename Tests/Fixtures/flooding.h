/* For fixtures that flood: numbered events of ?bytes= as fast as possible; the end after ?count= of them. */
#include "ledger.h"

static int32_t open_stream(struct stream *stream)
{
    size_t size = (size_t)stream->bytes + 32;
    stream->memory = malloc(size);
    if (stream->memory == NULL)
        abort();
    memset(stream->memory, '.', size);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    int length = snprintf(stream->text, sizeof stream->text, "%llu ", (unsigned long long)stream->steps);
    memcpy(stream->memory, stream->text, (size_t)length);
    event->data = stream->memory;
    event->data_length = (size_t)stream->bytes > (size_t)length ? (size_t)stream->bytes : (size_t)length;
    return SLUICE_NEXT_EVENT;
}
