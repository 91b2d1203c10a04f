/* hello: {"hello":"world"} every `interval` seconds, for ever. The smallest useful producer: copy it to start. */
#include <sluice.h>
#include <stdlib.h>

static const sluice_host *host;

struct hello { /* the state of one stream; each subscriber has its own */
    int64_t interval_ms;
    bool started;
};

static int32_t hello_open(sluice_stream *stream, void **state, double interval)
{
    struct hello *hello = malloc(sizeof *hello);
    if (hello == NULL) {
        host->reject(stream, 503, "out of memory");
        return SLUICE_OPEN_REJECT;
    }
    *hello = (struct hello){.interval_ms = (int64_t)(interval * 1000)};
    *state = hello;
    return SLUICE_OPEN_OK;
}

static int32_t hello_next(void *state, sluice_event *event)
{
    struct hello *hello = state;
    event->wait_ms = hello->interval_ms;
    if (!hello->started) { /* as with any timer, the first interval passes first */
        hello->started = true;
        return SLUICE_NEXT_WAIT;
    }
    event->data = "{\"hello\":\"world\"}";
    return SLUICE_NEXT_EVENT;
}

static int32_t hello_close(void *state, int32_t reason) /* exactly once for each open that answered OK */
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer hello = {
    .struct_size = sizeof(sluice_producer), .flags = SLUICE_NONBLOCKING, .name = "hello",
    .description = "{\"hello\":\"world\"} every `interval` seconds",
    .parameters = "interval: f64 in 0.001...86400 = 1.0", /* other values are answered with 400 */
    .open = SLUICE_OPEN(hello_open), .next = hello_next, .close = hello_close};

SLUICE_PLUGIN(host, "hello", "1.0.0", "Says hello to the world, again and again", &hello)
