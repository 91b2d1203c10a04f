/* Each event waits at the gate before it is made; ends after ?count= of them. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    pass_gate();
    stream->steps++;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)stream->steps);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "events-at-the-gate", .next = next)
