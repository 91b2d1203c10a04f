/* Each `next` emits an event before it returns one: "emitted 1", "returned 1", "emitted 2" and so on. */
#include "../ledger.h"

#ifndef FLAGS
#define FLAGS 0
#endif
#define COUNT 200

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps == COUNT)
        return SLUICE_NEXT_END;
    unsigned long long number = ++stream->steps;
    sluice_event emitted;
    sluice_event_init(&emitted);
    snprintf(stream->text, sizeof stream->text, "emitted %llu", number);
    emitted.data = stream->text;
    if (host->emit(stream->handle, &emitted) != SLUICE_EMIT_OK)
        ledger_write(stream, "note not emitted");
    snprintf(stream->text, sizeof stream->text, "returned %llu", number);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "emits-in-next", .flags = FLAGS, .quiet = true, .next = next)
