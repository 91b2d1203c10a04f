/* `open` closes standard input, output and error of the process. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    (void)stream;
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        close(descriptor);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "closed";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "closes-standard-descriptors", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
