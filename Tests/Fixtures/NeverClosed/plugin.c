/* `close` answers CLOSING and is never completed. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "tick";
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)stream, (void)reason;
    return SLUICE_CLOSING;
}

FIXTURE(.name = "never-closed", .flags = SLUICE_NONBLOCKING, .next = next, .close = close_stream)
