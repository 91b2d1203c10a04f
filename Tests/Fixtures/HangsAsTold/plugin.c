/* Promises not to block, but waits at the gate in the function that ?in= names: open, next or close. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    const char *in = asked_text(stream->handle, "in");
    snprintf(stream->text, sizeof stream->text, "%s", in ? in : "");
    if (strcmp(stream->text, "open") == 0)
        pass_gate();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    uint64_t step = ++stream->steps;
    if (step == 2 && strcmp(stream->text, "next") == 0)
        pass_gate();
    if (step > 2) {
        event->wait_ms = 60000;
        return SLUICE_NEXT_WAIT;
    }
    event->data = step == 1 ? "first" : "second";
    event->wait_ms = 1;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    if (strcmp(stream->text, "close") == 0)
        pass_gate();
    return SLUICE_CLOSED;
}

FIXTURE(.name = "hangs-as-told", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next, .close = close_stream)
