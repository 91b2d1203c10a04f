/* `open` is pending until a thread has passed the gate; the thread then answers with ?status=. */
#include "../ledger.h"

static void *ask(void *state)
{
    struct stream *stream = state;
    int32_t status = (int32_t)stream->bytes;
    pass_gate();
    if (status == SLUICE_OPEN_REJECT)
        host->reject(stream->handle, 409, "the database said no");
    answer_open(stream, status);
    if (status != SLUICE_OPEN_OK)
        forget(stream);
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    stream->bytes = asked(stream, "status", SLUICE_OPEN_OK);
    if (pthread_create(&stream->threads[0], NULL, ask, stream) != 0)
        abort();
    pthread_detach(stream->threads[0]);
    return SLUICE_OPEN_PENDING;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)stream;
    event->data = "through";
    event->wait_ms = 60000;
    return SLUICE_NEXT_EVENT;
}

/* Only records the interrupt in the ledger. */
static void interrupt(struct stream *stream)
{
    (void)stream;
}

FIXTURE(.name = "opens-later", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next, .interrupt = interrupt)
