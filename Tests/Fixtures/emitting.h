/* For fixtures without a `next`: THREADS threads emit ?count= numbered events in all, as fast as they are accepted. */
#include "ledger.h"

static void *storm(void *state)
{
    struct stream *stream = state;
    char text[32];
    while (!atomic_load(&stream->over)) {
        int64_t number = atomic_fetch_add(&stream->ready, 1) + 1;
        if (stream->count >= 0 && number > stream->count)
            break;
        sluice_event event;
        sluice_event_init(&event);
        event.data = text;
        event.data_length = (size_t)snprintf(text, sizeof text, "%lld", (long long)number);
        int32_t answer;
        while ((answer = host->emit(stream->handle, &event)) == SLUICE_EMIT_FULL && !atomic_load(&stream->over))
            sleep_ms(1);
        if (answer != SLUICE_EMIT_OK)
            break;
    }
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&stream->threads[i], NULL, storm, stream) != 0)
            abort();
    return SLUICE_OPEN_OK;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    atomic_store(&stream->over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(stream->threads[i], NULL);
    return SLUICE_CLOSED;
}
