/* `open` returns an unknown value. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    (void)stream;
    return 42;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream, (void)event;
    return SLUICE_NEXT_END;
}

FIXTURE(.name = "open-answers-nonsense", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
