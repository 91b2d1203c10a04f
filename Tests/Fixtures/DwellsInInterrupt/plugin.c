/*
 * `open` is pending until `interrupt` tells its thread to give up. The thread then answers with ?status=, while
 * `interrupt` runs a moment longer.
 */
#include "../ledger.h"

#ifndef FLAGS
#define FLAGS 0
#endif

static void *give_up(void *state)
{
    struct stream *stream = state;
    int32_t status = (int32_t)stream->bytes;
    while (!atomic_load(&stream->over))
        sleep_ms(1);
    host->reject(stream->handle, 503, "given up");
    answer_open(stream, status);
    if (status != SLUICE_OPEN_OK)
        forget(stream);
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "status", SLUICE_OPEN_REJECT);
    if (pthread_create(&stream->threads[0], NULL, give_up, stream) != 0)
        abort();
    pthread_detach(stream->threads[0]);
    return SLUICE_OPEN_PENDING;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream;
    event->wait_ms = 60000;
    return SLUICE_NEXT_WAIT;
}

static void interrupt(struct stream *stream)
{
    atomic_store(&stream->over, true);
    sleep_ms(20);
}

FIXTURE(.name = "dwells-in-interrupt", .flags = FLAGS, .open = open_stream, .next = next, .interrupt = interrupt)
