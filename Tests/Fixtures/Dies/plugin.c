/* Ends the process in the way that ?way= names; on a loop or on its stream's thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const sluice_host *host;
/* Volatile, so that the compiler can't optimize for their values. */
static int *volatile nowhere;
static volatile int zero;

struct death {
    sluice_stream *stream;
    char way[32];
};

static int recurse(volatile char *above)
{
    volatile char room[1000];
    room[0] = *above;
    return zero ? 0 : recurse(room) + room[0];
}

/* Frames that are larger than the smallest guard page. */
static int stride(volatile char *above)
{
    volatile char room[100 * 1000];
    room[0] = *above;
    return zero ? 0 : stride(room) + room[0];
}

static void *own_thread(void *state)
{
    const struct death *death = state;
    if (strcmp(death->way, "thread-segv") == 0)
        *nowhere = 1;
    if (strcmp(death->way, "thread-abort") == 0)
        abort();
    if (strcmp(death->way, "thread-exit") == 0)
        exit(0);
    sluice_event event;
    sluice_event_init(&event);
    event.data = (const char *)8;
    event.data_length = 4;
    if (strcmp(death->way, "thread-emit") == 0)
        host->emit(death->stream, &event);
    return NULL;
}

static void scheduled(void *state)
{
    (void)state;
    zero = 1 / zero;
    raise(SIGFPE); /* for processors on which a division by zero does not trap */
}

static int32_t open_stream(sluice_stream *stream, void **state)
{
    struct death *death = calloc(1, sizeof *death);
    const char *way = host->query(stream, "way");
    if (death == NULL || way == NULL)
        abort();
    death->stream = stream;
    strncpy(death->way, way, sizeof death->way - 1);
    *state = death;
    if (strcmp(way, "open-abort") == 0)
        abort();
    if (strcmp(way, "schedule-fpe") == 0)
        host->schedule(stream, 0, scheduled, death);
    pthread_t thread;
    if (strncmp(way, "thread-", 7) == 0 && pthread_create(&thread, NULL, own_thread, death) != 0)
        abort();
    return SLUICE_OPEN_OK;
}

static int32_t next_event(void *state, sluice_event *event)
{
    struct death *death = state;
    volatile char here = 0;
    if (strcmp(death->way, "next-segv") == 0)
        *nowhere = 1;
    if (strcmp(death->way, "next-strlen") == 0)
        zero = (int)strlen((const char *)nowhere);
    if (strcmp(death->way, "next-recurses") == 0)
        zero = recurse(&here);
    if (strcmp(death->way, "next-strides") == 0)
        zero = stride(&here);
    if (strcmp(death->way, "next-exit") == 0)
        exit(0);
    if (strcmp(death->way, "next-quick-exit") == 0)
        quick_exit(0);
    if (strcmp(death->way, "next-sigusr2") == 0)
        kill(getpid(), SIGUSR2);
    if (strcmp(death->way, "next-realtime") == 0)
        kill(getpid(), SIGRTMIN + 1);
    if (strcmp(death->way, "next-fork") == 0) {
        pid_t child = fork();
        if (child == 0)
            abort();
        waitpid(child, NULL, 0);
        strcpy(death->way, "none");
        event->data = "its child has died";
        return SLUICE_NEXT_EVENT;
    }
    if (strcmp(death->way, "next-trap") == 0)
        __builtin_trap();
    if (strcmp(death->way, "next-lends-nothing") == 0) {
        event->data = (const char *)8;
        event->data_length = 4;
        return SLUICE_NEXT_EVENT;
    }
    event->wait_ms = -1;
    return SLUICE_NEXT_WAIT;
}

static int32_t close_stream(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer on_loop = {
    .struct_size = sizeof(sluice_producer), .name = "dies-on-loop", .flags = SLUICE_NONBLOCKING,
    .open = SLUICE_OPEN(open_stream), .next = next_event, .close = close_stream};
static const sluice_producer on_thread = {
    .struct_size = sizeof(sluice_producer), .name = "dies-on-thread",
    .open = SLUICE_OPEN(open_stream), .next = next_event, .close = close_stream};
SLUICE_PLUGIN(host, "dies", "1.0.0", "Ends the process", &on_loop, &on_thread)
