/* The producers that the benchmark requests: /idle, /ticker, /firehose, /events, /replay; written like any plugin. */
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const sluice_host *host;

static int32_t out_of_memory(sluice_stream *stream)
{
    host->reject(stream, 503, "out of memory");
    return SLUICE_OPEN_REJECT;
}

static int32_t freeing_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

/* /idle: never sends an event. */

static int32_t idle_open(sluice_stream *stream, void **state)
{
    (void)stream;
    (void)state;
    return SLUICE_OPEN_OK;
}

static int32_t idle_next(void *state, sluice_event *event)
{
    (void)state;
    event->wait_ms = -1;
    return SLUICE_NEXT_WAIT;
}

static const sluice_producer idle = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "idle",
    .open = SLUICE_OPEN(idle_open),
    .next = idle_next,
    .close = freeing_close,
};

/* /ticker?ms=1000: an event every `ms` milliseconds. */

struct ticker {
    int64_t ms;
    bool first;
};

static int32_t ticker_open(sluice_stream *stream, void **state, int64_t ms)
{
    struct ticker *ticker = malloc(sizeof *ticker);
    if (ticker == NULL)
        return out_of_memory(stream);
    ticker->ms = ms;
    ticker->first = true;
    *state = ticker;
    return SLUICE_OPEN_OK;
}

static int32_t ticker_next(void *state, sluice_event *event)
{
    struct ticker *ticker = state;
    event->wait_ms = ticker->ms;
    if (ticker->first) {
        ticker->first = false;
        return SLUICE_NEXT_WAIT;
    }
    event->data = "{\"hello\":\"world\"}";
    return SLUICE_NEXT_EVENT;
}

static const sluice_producer ticker = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "ticker",
    .parameters = "ms: i64 = 1000",
    .open = SLUICE_OPEN(ticker_open),
    .next = ticker_next,
    .close = freeing_close,
};

/*
 * /firehose?size=120&stamp=false: events with `size` bytes of data, one for each `next`, without end. They all differ:
 * `n` is a count, and with `stamp`, `t` is the time of each event (nanoseconds since 1970). Both have a fixed width, so
 * only they have to be written.
 */

#define FIREHOSE_DATA "{\"t\":1000000000000000000,\"n\":100000000000,\"pad\":\"\"}"
enum { SHORTEST = sizeof FIREHOSE_DATA - 1, TIME_AT = 5, TIME_DIGITS = 19, COUNT_AT = 29, COUNT_DIGITS = 12 };

struct firehose {
    size_t size;
    bool stamp;
    char data[];
};

static int32_t firehose_open(sluice_stream *stream, void **state, uint32_t size, bool stamp)
{
    if (size < SHORTEST || size > 65536) {
        host->reject(stream, 400, "size: from 51 to 65536 bytes");
        return SLUICE_OPEN_REJECT;
    }
    struct firehose *firehose = malloc(sizeof *firehose + size);
    if (firehose == NULL)
        return out_of_memory(stream);
    firehose->size = size;
    firehose->stamp = stamp;
    memset(firehose->data, 'x', size);
    memcpy(firehose->data, FIREHOSE_DATA, SHORTEST - 2);
    memcpy(firehose->data + size - 2, "\"}", 2);
    *state = firehose;
    return SLUICE_OPEN_OK;
}

static int32_t firehose_next(void *state, sluice_event *event)
{
    struct firehose *firehose = state;
    char *digit = firehose->data + COUNT_AT + COUNT_DIGITS - 1;
    while (*digit == '9')
        *digit-- = '0';
    ++*digit;
    if (firehose->stamp) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t rest = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        for (int index = TIME_DIGITS - 1; index >= 0; --index, rest /= 10)
            firehose->data[TIME_AT + index] = (char)('0' + rest % 10);
    }
    event->data = firehose->data;
    event->data_length = firehose->size;
    return SLUICE_NEXT_EVENT;
}

static const sluice_producer firehose = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "firehose",
    .parameters = "size: u32 = 120, stamp: bool = false",
    .open = SLUICE_OPEN(firehose_open),
    .next = firehose_next,
    .close = freeing_close,
};

/*
 * /events?size=120: a shared stream with the monotonic time and a count in its data. It waits for
 * /start?interval_us=N, and then sends an event every N microseconds, or, with 0, the next one as soon as the one
 * before has been given to all subscribers, so that there is one event in each write.
 * /replay?events=10000&size=120: the same events, all at once and then no more, to fill its history.
 */

static _Atomic(sluice_stream *) fanout_stream;
static _Atomic int64_t fanout_interval_us = -1;

struct fanout {
    uint64_t count, last;
    size_t size;
    bool sent;
    char data[];
};

static int32_t fanout_begin(sluice_stream *stream, void **state, uint32_t size, uint64_t last)
{
    if (size < 60 || size > 65536) {
        host->reject(stream, 400, "size: from 60 to 65536 bytes");
        return SLUICE_OPEN_REJECT;
    }
    struct fanout *fanout = calloc(1, sizeof *fanout + size);
    if (fanout == NULL)
        return out_of_memory(stream);
    fanout->size = size;
    fanout->last = last;
    memset(fanout->data, 'x', size);
    memcpy(fanout->data + size - 2, "\"}", 2);
    *state = fanout;
    return SLUICE_OPEN_OK;
}

static void fanout_fill(struct fanout *fanout, sluice_event *event)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char head[64];
    int length = snprintf(head, sizeof head, "{\"t\":%20llu,\"n\":%12llu,\"pad\":\"",
                          (unsigned long long)now.tv_sec * 1000000000u + (unsigned long long)now.tv_nsec,
                          (unsigned long long)++fanout->count);
    memcpy(fanout->data, head, (size_t)length);
    event->data = fanout->data;
    event->data_length = fanout->size;
}

static int32_t fanout_open(sluice_stream *stream, void **state, uint32_t size)
{
    int32_t answer = fanout_begin(stream, state, size, UINT64_MAX);
    if (answer == SLUICE_OPEN_OK)
        fanout_stream = stream;
    return answer;
}

static int32_t fanout_next(void *state, sluice_event *event)
{
    struct fanout *fanout = state;
    int64_t interval_us = fanout_interval_us;
    event->wait_ms = -1;
    if (interval_us < 0)
        return SLUICE_NEXT_WAIT;
    if (interval_us == 0 && fanout->sent) {
/* No second event in the same write: the host sends this one first. */
        fanout->sent = false;
        host->wake(fanout_stream);
        return SLUICE_NEXT_WAIT;
    }
    fanout->sent = true;
    fanout_fill(fanout, event);
    event->wait_ms = interval_us / 1000;
    return SLUICE_NEXT_EVENT;
}

static const sluice_producer fanout = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING | SLUICE_SHARED,
    .name = "events",
    .parameters = "size: u32 = 120",
    .open = SLUICE_OPEN(fanout_open),
    .next = fanout_next,
    .close = freeing_close,
};

static int32_t replay_open(sluice_stream *stream, void **state, uint64_t events, uint32_t size)
{
    return fanout_begin(stream, state, size, events);
}

static int32_t replay_next(void *state, sluice_event *event)
{
    struct fanout *fanout = state;
    if (fanout->count == fanout->last)
        return SLUICE_NEXT_WAIT;
    fanout_fill(fanout, event);
    return SLUICE_NEXT_EVENT;
}

static const sluice_producer replay = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING | SLUICE_SHARED,
    .name = "replay",
    .parameters = "events: u64 = 10000, size: u32 = 120",
    .open = SLUICE_OPEN(replay_open),
    .next = replay_next,
    .close = freeing_close,
};

static int32_t start_open(sluice_stream *stream, void **state, int64_t interval_us)
{
    (void)stream;
    (void)state;
    fanout_interval_us = interval_us;
    if (fanout_stream != NULL)
        host->wake(fanout_stream);
    return SLUICE_OPEN_END;
}

static const sluice_producer start = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "start",
    .parameters = "interval_us: i64",
    .open = SLUICE_OPEN(start_open),
    .next = idle_next,
    .close = freeing_close,
};

SLUICE_PLUGIN(host, "bench", "1.0.0", "What the benchmark asks for", &idle, &ticker, &firehose, &fanout,
              &replay, &start)
