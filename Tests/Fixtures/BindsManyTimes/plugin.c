/* Binds ?count= functions in `open`, or as many as possible; calls the first and the last, and sends their number. */
#include "../ledger.h"

typedef int32_t function(int32_t number);

static int32_t handle(void *context, int32_t number)
{
    return number + *(int32_t *)context;
}

static int32_t open_stream(struct stream *stream)
{
    static int32_t one = 1;
    function *first = NULL, *last = NULL;
    while ((int64_t)stream->steps < stream->count) {
        function *made = (function *)host->bind(stream->handle, "(i32) -> i32", (sluice_function)handle, &one);
        if (made == NULL)
            break;
        if (first == NULL)
            first = made;
        last = made;
        stream->steps++;
    }
    if (last == NULL) {
        host->reject(stream->handle, 503, "no function");
        return SLUICE_OPEN_REJECT;
    }
    snprintf(stream->text, sizeof stream->text, "%llu %d %d", (unsigned long long)stream->steps, first(1), last(2));
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->ready++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "binds-many-times", .open = open_stream, .next = next)
