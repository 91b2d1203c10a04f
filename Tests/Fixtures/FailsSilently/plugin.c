/* Fails without calling `host->fail`. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream, (void)event;
    return SLUICE_NEXT_ERROR;
}

FIXTURE(.name = "fails-silently", .flags = SLUICE_NONBLOCKING, .next = next)
