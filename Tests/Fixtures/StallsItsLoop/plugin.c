/* Promises not to block, but sleeps for 200 ms in each `next`. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    sleep_ms(200);
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)++stream->steps);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "stalls-its-loop", .flags = SLUICE_NONBLOCKING, .next = next)
