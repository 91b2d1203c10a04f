/*
 * counter: counts from one number to another, one event each.
 *
 * What it teaches: typed parameters of every kind (a `str?` is NULL when absent, and valid only during open); IDs,
 * after which a subscriber that reconnects resumes; the two ways to end a stream (SLUICE_NEXT_END after the last event,
 * and SLUICE_OPEN_END for a subscriber that reconnects after it); and bytes that are lent to the host, with their
 * length, not copied.
 */
#include <errno.h>
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

static const sluice_host *host;

struct counter {
    int64_t number; /* the next one to send */
    int64_t last;   /* `number` reaches it exactly, and never steps past it */
    int64_t step;
    int64_t interval_ms;
    bool finished; /* the last number was sent */
    char data[32]; /* {"n":-9223372036854775808} and its NUL are 27 bytes */
    char name[];   /* the events' name; empty: none */
};

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

/*
 * The last number of the count. Unsigned arithmetic wraps, so that even from INT64_MIN to INT64_MAX nothing overflows.
 */
static int64_t last_number(int64_t from, int64_t to, int64_t step)
{
    uint64_t span = step > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    uint64_t way = span / stride * stride;
    return (int64_t)(step > 0 ? (uint64_t)from + way : (uint64_t)from - way);
}

/* Whether `number` is one of from, from + step, …, last. */
static bool is_counted(int64_t number, int64_t from, int64_t last, int64_t step)
{
    return (step > 0 ? number >= from && number <= last : number <= from && number >= last)
        && last_number(from, number, step) == number;
}

/* Parses an ID of `counter_next`: a whole number, in exactly the form that this program writes. */
static bool parse_id(const char *id, int64_t *number)
{
    char spelled[32];
    errno = 0;
    *number = strtoimax(id, NULL, 10);
    snprintf(spelled, sizeof spelled, "%" PRId64, *number);
    return errno == 0 && strcmp(spelled, id) == 0;
}

static int32_t counter_open(sluice_stream *stream, void **state, int64_t from, int64_t to, int64_t step, double interval,
                            const char *name)
{
    if (step == 0)
        return refuse(stream, 400, "step: any whole number but 0");
    if (interval > 0 && interval < 0.001) /* a range cannot express this */
        return refuse(stream, 400, "interval: at least 0.001 seconds; or 0, as fast as the subscriber reads");
    if (name == NULL)
        name = "";
    size_t name_size = strlen(name) + 1;
    if (name_size > NAME_MAX_BYTES + 1 || strpbrk(name, "\r\n") != NULL)
        return refuse(stream, 400, "name: one line of at most 64 bytes");
    if (step > 0 ? from > to : from < to)
        return SLUICE_OPEN_END; /* nothing to count */

    int64_t number = from, last = last_number(from, to, step);
    const char *id = host->last_event_id(stream);
    if (id != NULL && id[0] != '\0') {
        if (!parse_id(id, &number) || !is_counted(number, from, last, step))
            return refuse(stream, 400, "Last-Event-ID: expected a number that this count sends");
        if (number == last)
            return SLUICE_OPEN_END; /* it has received all events: 204, and the browser stops reconnecting */
        number += step;
    }

    struct counter *counter = malloc(sizeof *counter + name_size);
    if (counter == NULL)
        return refuse(stream, 503, "out of memory");
    *counter =
        (struct counter){.number = number, .last = last, .step = step, .interval_ms = (int64_t)(interval * 1000)};
    memcpy(counter->name, name, name_size); /* the parameter's own bytes are not valid once open has answered */
    *state = counter;
    return SLUICE_OPEN_OK;
}

static int32_t counter_next(void *state, sluice_event *event)
{
    struct counter *counter = state;
    if (counter->finished)
        return SLUICE_NEXT_END;

    /* The ID is the digits within the data. Both are lent until the next call, each with its length. */
    static const char before[] = "{\"n\":";
    event->data = counter->data;
    event->data_length = (size_t)snprintf(counter->data, sizeof counter->data, "%s%" PRId64 "}", before, counter->number);
    event->id = counter->data + strlen(before);
    event->id_length = event->data_length - strlen(before) - strlen("}");
    if (counter->name[0] != '\0')
        event->type = counter->name;

    counter->finished = counter->number == counter->last;
    if (!counter->finished) {
        counter->number += counter->step;
        event->wait_ms = counter->interval_ms;
    }
    return SLUICE_NEXT_EVENT;
}

static int32_t counter_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer counter = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING | SLUICE_RESUMABLE,
    .name = "counter",
    .description = "Counts from one number to another, then ends; a subscriber that reconnects resumes where it was",
    .parameters = "from: i64 = 1, to: i64 = 10, step: i64 = 1, interval: f64 in 0...86400 = 0.1, name: str?",
    .open = SLUICE_OPEN(counter_open),
    .next = counter_next,
    .close = counter_close,
};

SLUICE_PLUGIN(host, "counter", "1.0.0", "Counts, ends, and resumes", &counter)
