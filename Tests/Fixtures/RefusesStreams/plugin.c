/* `open` returns ?answer=, with the status ?status=. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    int64_t status = asked(stream, "status", 0);
    if (status != 0)
        host->reject(stream->handle, (int32_t)status, "not for you");
    return (int32_t)asked(stream, "answer", SLUICE_OPEN_REJECT);
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream, (void)event;
    return SLUICE_NEXT_END;
}

FIXTURE(.name = "refuses-streams", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
