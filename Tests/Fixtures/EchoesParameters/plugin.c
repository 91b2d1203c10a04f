/* Correct: one parameter of each type; the only event contains them as C received them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <sluice.h>

static const sluice_host *host;

struct echo {
    char text[512];
    bool done;
};

static int32_t echo_open(sluice_stream *stream, void **state, bool yes, int32_t i, int64_t l, uint32_t u, uint64_t m, float f,
                         double d, const char *name, const char *note)
{
    (void)stream;
    struct echo *echo = calloc(1, sizeof *echo);
    snprintf(echo->text, sizeof echo->text, "%d %" PRId32 " %" PRId64 " %" PRIu32 " %" PRIu64 " %g %g [%s] [%s]", yes, i, l, u,
             m, (double)f, d, name, note ? note : "NULL");
    *state = echo;
    return SLUICE_OPEN_OK;
}

static int32_t echo_next(void *state, sluice_event *event)
{
    struct echo *echo = state;
    if (echo->done)
        return SLUICE_NEXT_END;
    echo->done = true;
    event->data = echo->text;
    return SLUICE_NEXT_EVENT;
}

static int32_t echo_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer echo = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "echo",
    .route = "/echo/{name}",
    .parameters = "yes: bool = true, i: i32 = -1, l: i64 = -2, u: u32 = 3, m: u64 = 4, f: f32 in -1...1000 = 0.5, d: f64 = 0.25, name: str, "
                  "note: str?",
    .open = SLUICE_OPEN(echo_open),
    .next = echo_next,
    .close = echo_close,
};
SLUICE_PLUGIN(host, "echo", "1.0.0", NULL, &echo)
