/* One event, then nothing until it is woken, which never happens. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "the only one";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "waits-for-ever", .flags = SLUICE_NONBLOCKING, .next = next)
