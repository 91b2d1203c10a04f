/* The second event's data is not UTF-8. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "well-formed";
        return SLUICE_NEXT_EVENT;
    }
    event->data = "caf\xe9";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "data-is-not-utf8", .flags = SLUICE_NONBLOCKING, .next = next)
