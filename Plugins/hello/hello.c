/* hello: the smallest producer that does something: one event a second, for ever. Start your own from it. */
#include <sluice.h>
#include <stdlib.h>

static const sluice_host *host;

struct hello {
    int64_t interval_ms;
    bool first;
};

static int32_t hello_open(sluice_stream *stream, void **state, double interval)
{
    if (!(interval >= 0.001 && interval <= 86400)) {
        host->reject(stream, 400, "interval: seconds from 0.001 to 86400");
        return SLUICE_OPEN_REJECT;
    }
    struct hello *hello = malloc(sizeof *hello);
    if (hello == NULL) {
        host->reject(stream, 503, "out of memory");
        return SLUICE_OPEN_REJECT;
    }
    hello->interval_ms = (int64_t)(interval * 1000);
    hello->first = true;
    *state = hello;
    return SLUICE_OPEN_OK;
}

static int32_t hello_next(void *state, sluice_event *event)
{
    struct hello *hello = state;
    event->wait_ms = hello->interval_ms;
    if (hello->first) {  /* as interval() does: the first event comes after the first interval */
        hello->first = false;
        return SLUICE_NEXT_WAIT;
    }
    event->data = "{\"hello\":\"world\"}";
    return SLUICE_NEXT_EVENT;
}

static int32_t hello_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer hello = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "hello",
    .description = "{\"hello\":\"world\"} every `interval` seconds",
    .parameters = "interval: f64 = 1.0",
    .open = SLUICE_OPEN(hello_open),
    .next = hello_next,
    .close = hello_close,
};

SLUICE_PLUGIN(host, "hello", "1.0.0", "Says hello to the world, again and again", &hello)
