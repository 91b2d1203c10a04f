/* `close` answers CLOSING; a thread completes it 20 ms later. */
#include "../ledger.h"

static void *finish(void *state)
{
    sleep_ms(20);
    complete_close(state);
    return NULL;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    stream->steps++;
    event->data = "tick";
    event->wait_ms = 5;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    pthread_t thread;
    if (pthread_create(&thread, NULL, finish, stream) != 0)
        abort();
    pthread_detach(thread);
    return SLUICE_CLOSING;
}

FIXTURE(.name = "closes-later", .flags = SLUICE_NONBLOCKING, .next = next, .close = close_stream)
