/* `next` waits until a thread has an event and wakes it; ends after ?count= events. */
#include "../ledger.h"

static void *produce(void *state)
{
    struct stream *stream = state;
    for (int64_t i = 0; i < stream->count && !atomic_load(&stream->over); i++) {
        atomic_fetch_add(&stream->ready, 1);
        host->wake(stream->handle);
        if (i % 16 == 0)
            sleep_ms(1);
    }
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    if (pthread_create(&stream->threads[0], NULL, produce, stream) != 0)
        abort();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    if ((long long)stream->steps == atomic_load(&stream->ready))
        return SLUICE_NEXT_WAIT;
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%llu", (unsigned long long)++stream->steps);
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    atomic_store(&stream->over, true);
    pthread_join(stream->threads[0], NULL);
    return SLUICE_CLOSED;
}

FIXTURE(.name = "wakes-from-thread", .flags = SLUICE_NONBLOCKING, .quiet = true, .open = open_stream, .next = next,
        .close = close_stream)
