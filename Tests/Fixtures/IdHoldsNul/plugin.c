/* The second event's ID contains a NUL. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "well-formed";
        return SLUICE_NEXT_EVENT;
    }
    event->data = "x";
    event->id = "1\0002";
    event->id_length = 3;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "id-holds-nul", .flags = SLUICE_NONBLOCKING, .next = next)
