/* `close` answers CLOSING, but is completed before it returns. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    event->data = "tick";
    event->wait_ms = 5;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    complete_close(stream);
    return SLUICE_CLOSING;
}

FIXTURE(.name = "closed-while-closing", .flags = SLUICE_NONBLOCKING, .next = next, .close = close_stream)
