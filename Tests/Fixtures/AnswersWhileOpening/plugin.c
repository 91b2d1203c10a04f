/* `open` is pending, but is answered before it returns. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    answer_open(stream, SLUICE_OPEN_OK);
    return SLUICE_OPEN_PENDING;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 1)
        return SLUICE_NEXT_END;
    event->data = "through";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "answers-while-opening", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
