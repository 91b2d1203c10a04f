/* Ends the thread that calls it, in the function that ?in= names: open, next or close. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../minimal.h"

static int32_t open_stream(sluice_stream *handle, void **state)
{
    const char *in = host->query(handle, "in");
    *state = strdup(in ? in : "");
    if (strcmp(*state, "open") == 0)
        pthread_exit(NULL);
    return SLUICE_OPEN_OK;
}

static int32_t next(void *state, sluice_event *event)
{
    static _Thread_local int calls;
    if (strcmp(state, "next") == 0 && calls++ > 0)
        pthread_exit(NULL);
    event->data = "first";
    event->wait_ms = strcmp(state, "next") == 0 ? 1 : 60000;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(void *state, int32_t reason)
{
    (void)reason;
    if (strcmp(state, "close") == 0)
        pthread_exit(NULL);
    free(state);
    return SLUICE_CLOSED;
}

#ifndef FLAGS
#define FLAGS SLUICE_NONBLOCKING
#endif
static const sluice_producer producer = {
    .struct_size = sizeof producer, .flags = FLAGS, .name = "ends-its-thread", .open = SLUICE_OPEN(open_stream),
    .next = next, .close = close_stream};
SLUICE_PLUGIN(host, "ends-its-thread", "1.0.0", "Ends the server's threads", &producer)
