/*
 * A correct producer, into which each definition puts one defect, for `sluice check` to find: numbers with IDs, 2 ms
 * apart, after the last event ID.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sluice.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const sluice_host *host;

struct numbers {
    sluice_stream *stream;
    long number;
    long step;
    int calls;
    char text[32];
};

#ifdef CRASHES_IN_A_CROWD
static atomic_int crowd;
#endif

#ifdef LEAKS_BUT_FOR_TWICE
#define LEAKS_BUT_FOR_ONCE
static sem_t over;
#endif

#if defined(LEAKS_THREADS) || defined(CALLS_LATE) || defined(LEAKS_BUT_FOR_TWICE)
static void *run(void *stream)
{
#ifdef LEAKS_THREADS
    (void)stream;
    pause();
#elif defined(LEAKS_BUT_FOR_TWICE)
    void *ballast = calloc(1, 100 * 1000);
    *(void *volatile *)stream = ballast;
    while (sem_wait(&over) != 0) continue;
    free(ballast);
#else
    sluice_event event;
    sluice_event_init(&event);
    event.data = "late";
    usleep(300 * 1000);
    host->emit(stream, &event);
#endif
    return NULL;
}

static void start_thread(void *stream)
{
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_create(&thread, &small, run, stream);
}
#endif

static int32_t numbers_open(sluice_stream *stream, void **state, const char *text, int64_t step, const char *note)
{
    (void)text, (void)note;
#ifdef REFUSES_ITS_BOUND
    if (step == 1000000) {
        host->reject(stream, 400, "step: less than 1000000");
        return SLUICE_OPEN_REJECT;
    }
#endif
    const char *id = host->last_event_id(stream);
#ifdef REJECTS_EVERYTHING
    host->reject(stream, 403, "not you");
    return SLUICE_OPEN_REJECT;
#endif
#ifdef NEVER_ANSWERS
    return SLUICE_OPEN_PENDING;
#endif
#ifdef HANGS_IN_OPEN
    for (;;) pause();
#endif
#ifdef BLOCKS_IN_OPEN
    usleep(3000);
#endif
#ifdef CRASHES_ON_LONG_TEXT
    if (strlen(text) > 1000) abort();
#endif
#ifdef CRASHES_ON_NULL
    if (note[0] == 'x') step = 1;
#endif
#ifdef DIVIDES_BY_ZERO
    step = 100 / step;
#endif
#ifdef CRASHES_ON_STRANGE_IDS
    if (id != NULL && strspn(id, "0123456789") != strlen(id)) abort();
#endif
#ifdef REFUSES_ITS_IDS
    if (id != NULL) {
        host->reject(stream, 409, "start anew");
        return SLUICE_OPEN_REJECT;
    }
#endif
#ifdef LEAKS_MEMORY
    *(void *volatile *)state = malloc(100);
#endif
#ifdef LEAKS_BUT_FOR_ONCE
    /* The memory of the first stream is freed in the third round of 200, which therefore looks clean. */
    static atomic_int opened;
    static void *_Atomic ballast;
    *(void *volatile *)state = malloc(100);
    int number = atomic_fetch_add(&opened, 1);
    if (number == 0) ballast = calloc(1, 100 * 1000);
    if (number == 500) free(ballast);
#endif
#ifdef LEAKS_BUT_FOR_TWICE
    /* A thread frees as much when it ends, in the fourth round. */
    static void *held;
    if (number == 0) start_thread(&held);
    if (number == 700) sem_post(&over);
#endif
#ifdef LEAKS_DESCRIPTORS
    if (dup(0) < 0) return SLUICE_OPEN_REJECT;
#endif
#ifdef LEAKS_THREADS
    start_thread(stream);
#endif
#ifdef CRASHES_IN_A_CROWD
    if (atomic_fetch_add(&crowd, 1) == 300) abort();
#endif
    struct numbers *numbers = calloc(1, sizeof *numbers);
    numbers->stream = stream;
    numbers->step = step >= 1 && step <= 1000 ? (long)step : 1;
    numbers->number = id == NULL ? 0 : strtol(id, NULL, 10);
    if (numbers->number < 0 || numbers->number > 1000000000) numbers->number = 0;
#ifdef REPEATS_THE_LAST
    if (numbers->number > 0) numbers->number -= numbers->step;
#endif
    *state = numbers;
    return SLUICE_OPEN_OK;
}

static int32_t numbers_next(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    numbers->calls++;
#ifdef ANSWERS_NONSENSE
    return 42;
#endif
#ifdef EXITS
    exit(3);
#endif
#ifdef HANGS_IN_NEXT
    for (;;) pause();
#endif
#ifdef NEVER_RETURNS
    for (;;) pause();
#endif
#ifdef ENDS_ITS_THREAD
    pthread_exit(NULL);
#endif
#ifdef BLOCKS_A_LITTLE
    usleep(3000);
#endif
#ifdef STALLS
    usleep(80 * 1000);
#endif
#ifdef STALLS_ONCE
    /* Once for this file, like a machine that stops for a moment. */
    int mark = open(STALLS_ONCE, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (mark >= 0) {
        close(mark);
        usleep(80 * 1000);
    }
#ifdef CRASHES_LATER
    /* In the next process. */
    static atomic_bool has_stalled;
    if (mark >= 0) has_stalled = true;
    if (!has_stalled) abort();
#endif
#endif
    numbers->number += numbers->step;
    snprintf(numbers->text, sizeof numbers->text, "%ld", numbers->number);
    event->data = event->id = numbers->text;
#ifdef BREAKS_A_LINE
    event->id = "1\n2";
#endif
#ifdef WRITES_NO_UTF8
    event->data = "\xff\xfe";
#endif
#ifdef ENDS_WITH_RUBBISH
    event->wait_ms = -7;
    return SLUICE_NEXT_WAIT;
#endif
    event->wait_ms = 2;
    return SLUICE_NEXT_EVENT;
}

static int32_t numbers_close(void *state, int32_t reason)
{
    struct numbers *numbers = state;
    (void)reason;
#ifdef CRASHES_BEFORE_NEXT
    if (numbers->calls == 0) abort();
#endif
#ifdef CRASHES_AT_THE_END
    if (reason == SLUICE_CLOSE_SHUTDOWN) abort();
#endif
#ifdef CRASHES_ON_RELOAD
    if (reason == SLUICE_CLOSE_RELOADED) abort();
#endif
#ifdef FREES_TWICE
    free(state);
#endif
#ifdef CRASHES_IN_A_CROWD
    atomic_fetch_sub(&crowd, 1);
#endif
#ifdef CALLS_LATE
    start_thread(numbers->stream);
#endif
#ifdef NEVER_CLOSES
    return SLUICE_CLOSING;
#endif
    free(numbers);
    return SLUICE_CLOSED;
}

static void numbers_shutdown(void)
{
#ifdef HANGS_IN_SHUTDOWN
    for (;;) pause();
#endif
#ifdef CRASHES_IN_SHUTDOWN
    abort();
#endif
}

static const sluice_producer numbers = {
    .struct_size = sizeof(sluice_producer),
#ifdef HANGS_IN_NEXT
    .flags = SLUICE_RESUMABLE,
#else
    .flags = SLUICE_NONBLOCKING | SLUICE_RESUMABLE,
#endif
    .name = "numbers",
    .parameters = "text: str = \"x\", step: i64 in -1000000...1000000 = 1, note: str?",
    .open = SLUICE_OPEN(numbers_open),
    .next = numbers_next,
    .close = numbers_close,
};
static const sluice_producer *const producers[] = {&numbers};
static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .struct_size = sizeof(sluice_plugin),
    .name = "defects",
    .producers = producers,
    .producer_count = 1,
    .shutdown = numbers_shutdown,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *offered)
{
    host = offered;
    return &plugin;
}
