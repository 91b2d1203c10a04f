/*
 * Numbers that show which build sent them, each event "number build": on a loop and on threads, for one subscriber and
 * for many. All four producers continue in another build exactly where this one stopped: three by the last ID, and
 * `shared-threads`, whose IDs are the host's, by `save`.
 *
 * -DBUILD=7: the build's number. -DFAILS=1: every stream fails at once, without an event. -DBINDS=1: each stream counts
 * with a function that the host has created for it. There are ?every= (20) milliseconds between two events of a stream;
 * its first event comes at once, so the producer never causes a longer pause.
 */
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FAILS
#define FAILS 0
#endif
#ifndef BINDS
#define BINDS 0
#endif

static const sluice_host *host;

struct numbers {
    sluice_stream *stream;
    uint64_t number; /* the last number sent */
    int64_t every_ms;
    bool has_begun;
    void (*count)(void);
    char data[48];
    char id[24];
};

static void count(void *numbers) { ((struct numbers *)numbers)->number++; }

static int32_t open_numbers(sluice_stream *stream, void **state, int64_t every_ms)
{
    struct numbers *numbers = calloc(1, sizeof *numbers);
    if (numbers == NULL)
        return SLUICE_OPEN_REJECT;
    size_t length;
    const char *last = host->last_event_id(stream);
    const void *saved = host->saved(stream, &length);
    numbers->stream = stream;
    numbers->every_ms = every_ms;
    if (BINDS) {
        numbers->count = host->bind(stream, "() -> void", (sluice_function)count, numbers);
        if (numbers->count == NULL) {
            free(numbers);
            return SLUICE_OPEN_REJECT;
        }
    }
    if (last != NULL)
        numbers->number = strtoull(last, NULL, 10);
    if (saved != NULL && length == sizeof numbers->number)
        memcpy(&numbers->number, saved, length);
    *state = numbers;
    return SLUICE_OPEN_OK;
}

static void make(struct numbers *numbers, sluice_event *event)
{
    if (BINDS)
        numbers->count();
    else
        numbers->number++;
    event->data_length = (size_t)snprintf(numbers->data, sizeof numbers->data, "%" PRIu64 " %d", numbers->number, BUILD);
    event->data = numbers->data;
}

static int32_t fail(struct numbers *numbers)
{
    host->fail(numbers->stream, "out of order");
    return SLUICE_NEXT_ERROR;
}

static int32_t next(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    if (FAILS)
        return fail(numbers);
    make(numbers, event);
    event->id_length = (size_t)snprintf(numbers->id, sizeof numbers->id, "%" PRIu64, numbers->number);
    event->id = numbers->id;
    event->wait_ms = numbers->every_ms;
    return SLUICE_NEXT_EVENT;
}

/* Sleeps before each event except the first. */
static bool is_due(struct numbers *numbers)
{
    bool is_first = !numbers->has_begun;
    numbers->has_begun = true;
    return is_first || host->sleep(numbers->stream, numbers->every_ms);
}

static int32_t next_blocking(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    if (FAILS)
        return fail(numbers);
    if (!is_due(numbers))
        return SLUICE_NEXT_WAIT;
    next(state, event);
    event->wait_ms = -1;
    return SLUICE_NEXT_EVENT;
}

static int32_t next_without_id(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    if (FAILS)
        return fail(numbers);
    if (!is_due(numbers))
        return SLUICE_NEXT_WAIT;
    make(numbers, event);
    return SLUICE_NEXT_EVENT;
}

static void save(void *state, sluice_stream *stream)
{
    struct numbers *numbers = state;
    host->save(stream, &numbers->number, sizeof numbers->number);
}

static int32_t close_numbers(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

#define NUMBERS(variable, producer_name, more_flags, next_function, save_function)                                    \
    static const sluice_producer variable = {                                                                         \
        .struct_size = sizeof(sluice_producer),                                                                       \
        .flags = SLUICE_RESUMABLE | (more_flags),                                                                     \
        .name = producer_name,                                                                                        \
        .parameters = "every: i64 = 20",                                                                              \
        .open = SLUICE_OPEN(open_numbers),                                                                            \
        .next = next_function,                                                                                        \
        .close = close_numbers,                                                                                       \
        .save = save_function,                                                                                        \
    }

NUMBERS(own, "own", SLUICE_NONBLOCKING, next, NULL);
NUMBERS(own_threads, "own-threads", 0, next_blocking, NULL);
NUMBERS(shared, "shared", SLUICE_NONBLOCKING | SLUICE_SHARED, next, NULL);
NUMBERS(shared_threads, "shared-threads", SLUICE_SHARED, next_without_id, save);

SLUICE_PLUGIN(host, "marked-by-build", "1.0.0", NULL, &own, &own_threads, &shared, &shared_threads)
