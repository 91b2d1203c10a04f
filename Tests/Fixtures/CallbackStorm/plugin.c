/* 8 threads make ?count= calls in all, as fast as they can, to a function created for the signature ?signature=. */
#include "../ledger.h"

#define THREADS 8

typedef void event_function(int64_t number, const char *text);

struct storm {
    event_function *event;
    atomic_llong number;
    int64_t count;
    atomic_bool over;
    pthread_t threads[THREADS];
};

static void *run(void *state)
{
    struct storm *storm = state;
    while (!atomic_load(&storm->over)) {
        int64_t number = atomic_fetch_add(&storm->number, 1) + 1;
        if (number > storm->count)
            break;
        storm->event(number, "\"text\"\n");
    }
    return NULL;
}

static int32_t open_stream(struct stream *stream)
{
    const char *signature = host->query(stream->handle, "signature");
    struct storm *storm = calloc(1, sizeof *storm);
    if (storm == NULL)
        abort();
    stream->memory = (char *)storm;
    storm->count = stream->count;
    storm->event = (event_function *)host->callback(stream->handle, signature ? signature : "n: i64, text: str");
    if (storm->event == NULL) {
        host->reject(stream->handle, 400, "signature");
        return SLUICE_OPEN_REJECT;
    }
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&storm->threads[i], NULL, run, storm) != 0)
            abort();
    return SLUICE_OPEN_OK;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    struct storm *storm = (struct storm *)stream->memory;
    atomic_store(&storm->over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(storm->threads[i], NULL);
    ledger_write(stream, "note called %lld", (long long)atomic_load(&storm->number));
    return SLUICE_CLOSED;
}

FIXTURE(.name = "callback-storm", .has_no_next = true, .flags = SLUICE_NONBLOCKING, .open = open_stream, .close = close_stream)
