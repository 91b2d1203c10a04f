/* `open` lowers the process's limit of descriptors. */
#include <sys/resource.h>

#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    struct rlimit limit;
    (void)stream;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        abort();
    limit.rlim_cur = 8;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        abort();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "lowered";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "lowers-limits", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
