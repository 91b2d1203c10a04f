/* `next` returns an unknown value. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream, (void)event;
    return 42;
}

FIXTURE(.name = "next-answers-nonsense", .flags = SLUICE_NONBLOCKING, .next = next)
