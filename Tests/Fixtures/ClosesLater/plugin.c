/* `close` answers CLOSING; a thread completes it 20 ms later. */
#include "../ticking.h"

static void *finish(void *state)
{
    sleep_ms(20);
    complete_close(state);
    return NULL;
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
