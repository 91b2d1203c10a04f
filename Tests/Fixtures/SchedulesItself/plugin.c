/* Uses `host->schedule`: each tick emits one number and schedules the next one. */
#include "../ledger.h"

static void tick(void *state)
{
    struct stream *stream = state;
    enter(stream, "tick");
    sluice_event event;
    sluice_event_init(&event);
    event.data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)++stream->steps);
    event.data = stream->text;
    host->emit(stream->handle, &event);
    leave(stream);
    if (!host->schedule(stream->handle, 1000000, tick, stream))
        ledger_write(stream, "note not-scheduled");
}

static int32_t open_stream(struct stream *stream)
{
    return host->schedule(stream->handle, 0, tick, stream) ? SLUICE_OPEN_OK : SLUICE_OPEN_END;
}

FIXTURE(.name = "schedules-itself", .flags = SLUICE_NONBLOCKING, .has_no_next = true, .open = open_stream)
