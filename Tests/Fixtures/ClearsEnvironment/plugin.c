/* `open` clears the environment of the process. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    (void)stream;
    clearenv();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "cleared";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "clears-environment", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
