/* A thread continues to use a stream's handle after its `close`. */
#include "../ledger.h"

static void late(void *nothing)
{
    (void)nothing;
    abort(); /* scheduled on a stream that has ended: must never run */
}

static void *haunt(void *handle)
{
    sluice_event event;
    int taken = 0;
    for (int i = 0; i < 50; i++) {
        sluice_event_init(&event);
        event.data = "from the grave";
        host->wake(handle);
        taken += host->emit(handle, &event) != SLUICE_EMIT_CLOSED;
        taken += host->schedule(handle, 0, late, NULL);
        taken += !host->is_cancelled(handle);
        taken += host->parameter(handle, "x") != NULL;
        taken += host->set_header(handle, "X-Late", "1");
        host->closed(handle);
        host->opened(handle, SLUICE_OPEN_OK);
        host->fail(handle, "late");
        sleep_ms(1);
    }
    ledger_write(NULL, "note taken %d", taken);
    return NULL;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "tick";
    return SLUICE_NEXT_EVENT;
}

static void *start_late(void *handle)
{
    sleep_ms(20); /* close has returned by then */
    return haunt(handle);
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    pthread_t thread;
    if (pthread_create(&thread, NULL, start_late, stream->handle) != 0)
        abort();
    pthread_detach(thread);
    return SLUICE_CLOSED;
}

FIXTURE(.name = "uses-stale-handle", .flags = SLUICE_NONBLOCKING, .next = next, .close = close_stream)
