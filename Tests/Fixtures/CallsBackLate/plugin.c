/*
 * Has a library that continues to call for ?ms= milliseconds after `close`, from a thread: a bound function, and a
 * callback.
 */
#include "../ledger.h"

typedef int32_t bound_function(int32_t number);
typedef void event_function(int32_t number);

/* The library's state: two functions, and until when it calls them. It outlives the stream. */
struct library {
    bound_function *bound;
    event_function *event;
    atomic_llong end; /* 0: the stream has not been closed yet */
    int64_t ms;
};

static int32_t handle(void *context, int32_t number)
{
    struct library *library = context;
    return library->bound != NULL ? number * 2 : -1;
}

/*
 * Calls while the stream is open, and for some time afterwards. After the first call without effect, no call may have
 * one.
 */
static void *call(void *context)
{
    struct library *library = context;
    long long end, live = 0, late = 0;
    while ((end = atomic_load(&library->end)) == 0 || nanoseconds() < end) {
        int32_t answer = library->bound(21);
        if (answer != (late > 0 ? 0 : 42) && answer != 0)
            abort();
        live += answer == 42;
        late += answer == 0;
        library->event(1);
        sleep_ms(end == 0 ? 1 : 5);
    }
    ledger_write(NULL, "note live %d late %d", live > 0, late > 0);
    free(library);
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    struct library *library = calloc(1, sizeof *library);
    if (library == NULL)
        abort();
    library->ms = asked(stream, "ms", 200);
    library->bound = (bound_function *)host->bind(stream->handle, "(i32) -> i32", (sluice_function)handle, stream);
    library->event = (event_function *)host->callback(stream->handle, "n: i32");
    if (library->bound == NULL || library->event == NULL) {
        free(library);
        host->reject(stream->handle, 503, "no function");
        return SLUICE_OPEN_REJECT;
    }
    memcpy(stream->text, &library, sizeof library);
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    if (pthread_create(&thread, &small, call, library) != 0)
        abort();
    pthread_detach(thread);
    return SLUICE_OPEN_OK;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    struct library *library;
    memcpy(&library, stream->text, sizeof library);
    atomic_store(&library->end, nanoseconds() + library->ms * 1000000);
    return SLUICE_CLOSED;
}

FIXTURE(.name = "calls-back-late", .has_no_next = true, .flags = SLUICE_NONBLOCKING, .open = open_stream, .close = close_stream)
