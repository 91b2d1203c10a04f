/* The second event's ID is one byte longer than the limit for requests that resume. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    static char id[1026];
    memset(id, 'i', sizeof id - 1);
    event->data = stream->steps == 0 ? "well-formed" : "x";
    event->id = stream->steps == 0 ? id + 1 : id;
    stream->steps++;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "id-is-too-long", .flags = SLUICE_NONBLOCKING, .next = next)
