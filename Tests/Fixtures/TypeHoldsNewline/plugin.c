/* The second event's type contains a newline, and would start another field. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "well-formed";
        return SLUICE_NEXT_EVENT;
    }
    event->data = "x";
    event->type = "a\rdata: injected";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "type-holds-newline", .flags = SLUICE_NONBLOCKING, .next = next)
