/* Calls its bound functions within `open`, `next` and `close`, and within such a call. */
#include "../ledger.h"

typedef int64_t sum_function(int32_t depth);
typedef void event_function(const char *place, int32_t depth);

struct functions {
    sum_function *sum;
    event_function *event;
};

/* Calls itself through the host, down to 0, and the event function on each step. */
static int64_t sum(void *context, int32_t depth)
{
    struct functions *functions = context;
    functions->event("handler", depth);
    return depth == 0 ? 0 : depth + functions->sum(depth - 1);
}

static int32_t open_stream(struct stream *stream)
{
    struct functions *functions = calloc(1, sizeof *functions);
    if (functions == NULL)
        abort();
    stream->memory = (char *)functions;
    functions->sum = (sum_function *)host->bind(stream->handle, "(i32) -> i64", (sluice_function)sum, functions);
    functions->event = (event_function *)host->callback(stream->handle, "place: str, depth: i32");
    if (functions->sum == NULL || functions->event == NULL)
        return SLUICE_OPEN_REJECT;
    functions->event("open", (int32_t)functions->sum(2));
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    (void)event;
    struct functions *functions = (struct functions *)stream->memory;
    if (stream->steps++ > 0)
        return SLUICE_NEXT_END;
    functions->event("next", (int32_t)functions->sum(1));
    return SLUICE_NEXT_WAIT;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    struct functions *functions = (struct functions *)stream->memory;
    ledger_write(stream, "note sum %lld", (long long)functions->sum(3));
    return SLUICE_CLOSED;
}

FIXTURE(.name = FIXTURE_NAME, .flags = FIXTURE_FLAGS, .open = open_stream, .next = next, .close = close_stream)
