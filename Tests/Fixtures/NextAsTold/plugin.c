/* Each producer's `next` does once what its name says, and then ends the stream, if possible. */
#include <stdlib.h>
#include <time.h>

#include "../minimal.h"

/* The state: the handle, and the number of calls of `next`. */
struct steps {
    sluice_stream *stream;
    int calls;
};

static int32_t open_steps(sluice_stream *stream, void **state)
{
    struct steps *steps = calloc(1, sizeof *steps);
    steps->stream = stream;
    *state = steps;
    return SLUICE_OPEN_OK;
}

static int32_t close_steps(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

#define PRODUCER(variable, text, ...)                                                                                 \
    static int32_t next_##variable(void *state, sluice_event *event)                                                  \
    {                                                                                                                 \
        struct steps *steps = state;                                                                                  \
        (void)event;                                                                                                  \
        if (steps->calls++ > 0)                                                                                       \
            return SLUICE_NEXT_END;                                                                                   \
        __VA_ARGS__                                                                                                   \
    }                                                                                                                 \
    static const sluice_producer variable = {                                                                         \
        .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = text,                            \
        .open = SLUICE_OPEN(open_steps), .next = next_##variable, .close = close_steps,                               \
    };

/* Texts without a terminator: only the length ends them. */
static char long_text[4 << 20];

PRODUCER(nonsense, "nonsense", return 99;)
PRODUCER(id_newline, "id-with-newline", event->id = "1\n2"; event->data = "x"; return SLUICE_NEXT_EVENT;)
PRODUCER(id_nul, "id-with-nul", event->id = "1\0002"; event->id_length = 3; return SLUICE_NEXT_EVENT;)
PRODUCER(type_newline, "type-with-newline", event->type = "a\rb"; event->data = "x"; return SLUICE_NEXT_EVENT;)
PRODUCER(utf8, "invalid-utf8", event->data = "ab\xff"; return SLUICE_NEXT_EVENT;)
PRODUCER(empty, "empty", return SLUICE_NEXT_EVENT;)
PRODUCER(endless, "endless-text", for (size_t i = 0; i < sizeof long_text; i++) long_text[i] = 'x'; event->data = long_text;
         return SLUICE_NEXT_EVENT;)
PRODUCER(too_long, "too-long", event->data = long_text; event->data_length = sizeof long_text; return SLUICE_NEXT_EVENT;)
/* Address 16 is not mapped: the length alone must be enough to reject it. */
PRODUCER(absurd, "absurd-length", event->data = (const char *)16; event->data_length = SIZE_MAX - 1;
         return SLUICE_NEXT_EVENT;)
PRODUCER(wait_below, "wait-below", event->wait_ms = -2; return SLUICE_NEXT_WAIT;)
PRODUCER(retry_below, "retry-below", event->retry_ms = -2; event->data = "x"; return SLUICE_NEXT_EVENT;)
PRODUCER(wait, "wait", event->wait_ms = 1500; return SLUICE_NEXT_WAIT;)
PRODUCER(wait_woken, "wait-until-woken", return SLUICE_NEXT_WAIT;)
PRODUCER(event_wait, "event-then-wait", event->data = "x"; event->wait_ms = 20; return SLUICE_NEXT_EVENT;)
PRODUCER(fields, "all-fields", event->data = "one\ntwo"; event->type = "tick"; event->type_length = 2; event->id = "";
         event->comment = "c"; event->retry_ms = 0; return SLUICE_NEXT_EVENT;)
PRODUCER(fail, "fail", host->fail(steps->stream, "the feed is gone"); return SLUICE_NEXT_ERROR;)
PRODUCER(fail_silently, "fail-silently", return SLUICE_NEXT_ERROR;)
/* The fields of the previous event must be cleared. */
static int32_t next_reset(void *state, sluice_event *event)
{
    struct steps *steps = state;
    bool clean = event->struct_size == sizeof *event && event->reserved == 0 && !event->data && !event->type && !event->id
        && !event->comment && event->data_length == SLUICE_CSTR && event->type_length == SLUICE_CSTR
        && event->id_length == SLUICE_CSTR && event->comment_length == SLUICE_CSTR && event->retry_ms == -1
        && event->wait_ms == -1;
    if (steps->calls++ == 2)
        return SLUICE_NEXT_END;
    event->data = event->type = event->comment = clean ? "clean" : "dirty";
    event->id = "7";
    event->data_length = event->type_length = event->comment_length = 5;
    event->id_length = 1;
    event->retry_ms = 3;
    event->wait_ms = 0;
    return SLUICE_NEXT_EVENT;
}
static const sluice_producer reset = {
    .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "reset", .open = SLUICE_OPEN(open_steps),
    .next = next_reset, .close = close_steps,
};

static int32_t next_forever(void *state, sluice_event *event)
{
    (void)state;
    event->data = "0123456789";
    event->data_length = 10;
    return SLUICE_NEXT_EVENT;
}
static const sluice_producer forever = {
    .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "for-ever", .open = SLUICE_OPEN(open_steps),
    .next = next_forever, .close = close_steps,
};

/* Takes 0.2 ms for each event. */
static int32_t next_slowly(void *state, sluice_event *event)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - end.tv_sec) * 1000000000L + now.tv_nsec - end.tv_nsec < 200000);
    return next_forever(state, event);
}
static const sluice_producer slowly = {
    .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "slowly", .open = SLUICE_OPEN(open_steps),
    .next = next_slowly, .close = close_steps,
};

static const sluice_producer emits = {
    .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "emits", .open = SLUICE_OPEN(open_steps),
    .close = close_steps,
};

SLUICE_PLUGIN(host, "next-as-told", "1.0.0", NULL, &nonsense, &id_newline, &id_nul, &type_newline, &utf8, &empty, &endless,
              &too_long, &absurd, &wait_below, &retry_below, &wait, &wait_woken, &event_wait, &fields, &fail, &fail_silently,
              &reset, &forever, &slowly, &emits)
