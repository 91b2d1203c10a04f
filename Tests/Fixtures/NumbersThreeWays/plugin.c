/*
 * Numbers with IDs, sent in one of three ways: ?way=0: returned by `next`; 1: by `emit`; 2: by a function of
 * `callback`. On a loop and on threads, for one subscriber and for many. All resume after the last ID in `open`, end at
 * ?count=, and send "number build last", where `last` is the ID that `open` got (-DBUILD=7: the build). There are
 * ?every= milliseconds between two events.
 */
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

typedef void event_function(const char *id, int64_t n, int32_t build, const char *last);

static const sluice_host *host;

struct numbers {
    sluice_stream *stream;
    int64_t number, count, every_ms;
    int32_t way;
    event_function *call;
    char last[24], id[24], data[96];
};

static int32_t open_numbers(sluice_stream *stream, void **state, int32_t way, int64_t count, int64_t every_ms)
{
    struct numbers *numbers = calloc(1, sizeof *numbers);
    if (numbers == NULL)
        return SLUICE_OPEN_REJECT;
    const char *last = host->last_event_id(stream);
    numbers->stream = stream;
    numbers->way = way;
    numbers->count = count;
    numbers->every_ms = every_ms;
    numbers->number = last ? strtoll(last, NULL, 10) : 0;
    snprintf(numbers->last, sizeof numbers->last, "%s", last ? last : "-");
    numbers->call = (event_function *)host->callback(stream, "@id: str, n: i64, build: i32, last: str");
    *state = numbers;
    return SLUICE_OPEN_OK;
}

static int32_t next(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    if (numbers->number == numbers->count)
        return SLUICE_NEXT_END;
    numbers->number++;
    snprintf(numbers->id, sizeof numbers->id, "%" PRId64, numbers->number);
    snprintf(numbers->data, sizeof numbers->data, "{\"n\":%" PRId64 ",\"build\":%d,\"last\":\"%s\"}", numbers->number, BUILD,
             numbers->last);
    event->wait_ms = numbers->every_ms;
    if (numbers->way == 0) {
        event->id = numbers->id;
        event->data = numbers->data;
        return SLUICE_NEXT_EVENT;
    }
    if (numbers->way == 1) {
        sluice_event emitted;
        sluice_event_init(&emitted);
        emitted.id = numbers->id;
        emitted.data = numbers->data;
        int32_t answer = host->emit(numbers->stream, &emitted);
        /* The stream is moving to a newer generation: this number must be sent again, there or here. */
        if (answer == SLUICE_EMIT_FULL)
            numbers->number--;
        else if (answer != SLUICE_EMIT_OK)
            return SLUICE_NEXT_ERROR;
    } else {
        numbers->call(numbers->id, numbers->number, BUILD, numbers->last);
    }
    return SLUICE_NEXT_WAIT;
}

static int32_t next_blocking(void *state, sluice_event *event)
{
    struct numbers *numbers = state;
    int32_t status = next(state, event);
    event->wait_ms = 0;
    if (status != SLUICE_NEXT_END)
        host->sleep(numbers->stream, numbers->every_ms);
    return status;
}

static int32_t close_numbers(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

#define NUMBERS(variable, producer_name, more_flags, next_function)                                                   \
    static const sluice_producer variable = {                                                                         \
        .struct_size = sizeof(sluice_producer),                                                                       \
        .flags = SLUICE_RESUMABLE | (more_flags),                                                                     \
        .name = producer_name,                                                                                        \
        .parameters = "way: i32, count: i64 = -1, every: i64 = 10",                                                   \
        .open = SLUICE_OPEN(open_numbers),                                                                            \
        .next = next_function,                                                                                        \
        .close = close_numbers,                                                                                       \
    }

NUMBERS(own, "own", SLUICE_NONBLOCKING, next);
NUMBERS(own_threads, "own-threads", 0, next_blocking);
NUMBERS(shared, "shared", SLUICE_NONBLOCKING | SLUICE_SHARED, next);
NUMBERS(shared_threads, "shared-threads", SLUICE_SHARED, next_blocking);

SLUICE_PLUGIN(host, "numbers-three-ways", "1.0.0", NULL, &own, &own_threads, &shared, &shared_threads)
