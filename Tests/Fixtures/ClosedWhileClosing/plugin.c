/* `close` answers CLOSING, but is completed before it returns. */
#include "../ticking.h"

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    complete_close(stream);
    return SLUICE_CLOSING;
}

FIXTURE(.name = "closed-while-closing", .flags = SLUICE_NONBLOCKING, .next = next, .close = close_stream)
