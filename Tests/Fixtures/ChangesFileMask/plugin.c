/* `open` makes new files of the process writable for everyone. */
#include <sys/stat.h>

#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    (void)stream;
    umask(0);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "open to all";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "changes-file-mask", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
