/*
 * Calls every service of the host that any thread may call, correctly, incorrectly and too late, from threads with
 * little stack. With ?stack=16384, they have that much; without, they have plenty, and the ledger has the stack use of
 * each call:
 *
 *     note NAME BYTES
 *
 * A stream that is opened with ?stale=1 calls with the handle of the previous one, which must have ended. With
 * ?only=NAME, next only makes this call from a small stack: it is then the first of its kind in the process.
 */
#include "../ledger.h"
#include <sys/mman.h>

enum { PLENTY = 28 * 1024, PAINT = 0xa5 }; /* small enough that the host considers it small */

typedef void event_function(int32_t number, const char *text);
typedef int32_t bound_function(int32_t number);

static size_t stack_size; /* 0: measure */
static char only[64];     /* empty: all */
static sluice_stream *former;
static event_function *event, *former_event;
static bound_function *bound, *former_bound;
static sluice_stream *subject;

static int32_t handle_call(void *context, int32_t number)
{
    return context != NULL ? number * 2 : -1;
}

static void nothing(void *context)
{
    (void)context;
}

static void emit(const char *data, const char *id)
{
    sluice_event made;
    sluice_event_init(&made);
    made.data = data;
    made.id = id;
    host->emit(subject, &made);
}

/* ---------------------------------------------------------------------------------------- the calls, by name */

static void do_nothing(void) {}
static void log_line(void) { host->log(subject, SLUICE_LOG_WARNING, "from a small stack"); }
static void log_alone(void) { host->log(NULL, SLUICE_LOG_WARNING, "from a small stack, of no stream"); }
static void log_nothing(void) { host->log(subject, SLUICE_LOG_WARNING, NULL); }
static void wake(void) { host->wake(subject); }
static void emit_event(void) { emit("data", "1"); }
static void emit_long(void) { static char text[100000]; memset(text, 'x', sizeof text - 1); emit(text, NULL); }
static void emit_invalid(void) { emit("data", "a\nb"); }
static void emit_no_utf8(void) { emit("\xff", NULL); }
static void emit_empty(void) { emit(NULL, NULL); }
static void emit_nothing(void) { host->emit(subject, NULL); }
static void emit_until_full(void) { for (int i = 0; i < 3000; i++) emit("flood flood flood", NULL); }
static void is_cancelled(void) { host->is_cancelled(subject); }
static void parameter(void) { host->parameter(subject, "tag"); }
static void query(void) { host->query(subject, "tag"); }
static void header(void) { host->header(subject, "Accept"); }
static void path(void) { host->path(subject); }
static void method(void) { host->method(subject); }
static void remote_address(void) { host->remote_address(subject); }
static void last_event_id(void) { host->last_event_id(subject); }
static void body(void) { size_t length; host->body(subject, &length); }
static void config(void) { host->config(subject, "root"); }
static void identity(void) { host->identity(subject); }
static void claim(void) { host->claim(subject, "scope"); }
static void reject(void) { host->reject(subject, 503, "not today"); }
static void fail(void) { host->fail(subject, "out of order"); }
static void set_header(void) { host->set_header(subject, "X-Stack", "small"); }
static void set_header_wrongly(void) { host->set_header(subject, "Content-Length", "1"); }
static void opened(void) { host->opened(subject, SLUICE_OPEN_OK); }
static void closed(void) { host->closed(subject); }
static void schedule(void) { host->schedule(subject, 0, nothing, NULL); }
static void schedule_nothing(void) { host->schedule(subject, 0, NULL, NULL); }
static void saved(void) { size_t length; host->saved(subject, &length); }
static void save(void) { host->save(subject, "x", 1); }
static void producer(void) { host->producer(subject); }
static void bind_function(void)
{
    bound = (bound_function *)host->bind(subject, "(i32) -> i32", (sluice_function)handle_call, &bound);
}
static void bind_wrongly(void) { host->bind(subject, "(i33) -> i32", (sluice_function)handle_call, NULL); }
static void callback(void) { event = (event_function *)host->callback(subject, "number: i32, text: str"); }
static void callback_wrongly(void) { host->callback(subject, "number: int"); }
static void call_event(void) { event(1, "text"); }
static void call_event_long(void)
{
    static char text[3 << 20];
    memset(text, 'x', sizeof text - 1);
    event(1, text);
}
static void call_event_until_full(void) { for (int i = 0; i < 20000; i++) event(i, "flood flood flood"); }
static void call_event_late(void) { former_event(1, "text"); }
static void call_bound(void) { if (bound(21) != 42) abort(); }
static void call_bound_late(void) { if (former_bound(21) != 0) abort(); }

struct call { const char *name; void (*function)(void); };
#define CALL(function) {#function, function}

static const struct call in_open[] = {
    CALL(do_nothing), CALL(log_line), CALL(log_alone), CALL(log_nothing), CALL(wake), CALL(is_cancelled), CALL(parameter), CALL(query), CALL(header),
    CALL(path), CALL(method), CALL(remote_address), CALL(last_event_id), CALL(body), CALL(config), CALL(identity), CALL(claim), CALL(reject), CALL(set_header),
    CALL(set_header_wrongly), CALL(saved), CALL(producer), CALL(schedule), CALL(schedule_nothing), CALL(save), CALL(fail),
    CALL(closed), CALL(bind_function), CALL(bind_wrongly), CALL(callback), CALL(callback_wrongly), {NULL, NULL}};
static const struct call in_next[] = {
    CALL(wake), CALL(emit_event), CALL(emit_invalid), CALL(emit_no_utf8), CALL(emit_empty), CALL(emit_nothing),
    CALL(call_event), CALL(call_event_long), CALL(call_bound), CALL(emit_long), CALL(query), CALL(set_header), CALL(reject), CALL(opened),
    CALL(schedule), CALL(emit_until_full), CALL(call_event_until_full), {NULL, NULL}};
static const struct call stale[] = {
    CALL(log_line), CALL(wake), CALL(emit_event), CALL(is_cancelled), CALL(query), CALL(reject), CALL(fail), CALL(set_header), CALL(opened),
    CALL(closed), CALL(schedule), CALL(save), CALL(producer), CALL(bind_function), CALL(callback), CALL(call_event_late),
    CALL(call_bound_late), {NULL, NULL}};

/* ------------------------------------------------------------------------------------------------------ the threads */

static void *run(void *call)
{
    ((const struct call *)call)->function();
    return NULL;
}

static void on_a_small_stack(const char *when, const struct call *call)
{
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned char *memory = NULL;
    pthread_attr_init(&attributes);
    if (stack_size == 0) {
        memory = mmap(NULL, PLENTY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            abort();
        memset(memory, PAINT, PLENTY);
        pthread_attr_setstack(&attributes, memory, PLENTY);
    } else {
        pthread_attr_setstacksize(&attributes, stack_size);
        ledger_write(NULL, "note %s-%s 0", when, call->name);
    }
    if (pthread_create(&thread, &attributes, run, (void *)call) != 0)
        abort();
    pthread_join(thread, NULL);
    if (memory != NULL) {
        size_t untouched = 0;
        while (untouched < PLENTY && memory[untouched] == PAINT)
            untouched++;
        ledger_write(NULL, "note %s-%s %zu", when, call->name, PLENTY - untouched);
        munmap(memory, PLENTY);
    }
}

static void call_all(const char *when, const struct call *calls, sluice_stream *handle)
{
    subject = handle;
    for (; calls->name != NULL; calls++)
        if (only[0] == '\0' || (calls >= in_next && calls < in_next + sizeof in_next / sizeof *in_next && strcmp(only, calls->name) == 0))
            on_a_small_stack(when, calls);
}

/* --------------------------------------------------------------------------------------------------- the producer */

static void *answer(void *state)
{
    struct stream *stream = state;
    while (atomic_load(&stream->busy)) /* until open is about to return */
        sleep_ms(1);
    ledger_write(stream, "opened 0");
    subject = stream->handle;
    on_a_small_stack("pending", &(struct call)CALL(opened));
    return NULL;
}

static void *complete(void *state)
{
    struct stream *stream = state;
    subject = stream->handle;
    ledger_write(stream, "closed");
    forget(stream);
    on_a_small_stack("closing", &(struct call)CALL(closed));
    /* Stale at once, not only when the stream's loop knows. */
    if (host->schedule(subject, 0, nothing, NULL) || host->producer(subject) != NULL
        || host->bind(subject, "()", (sluice_function)handle_call, NULL) != NULL)
        abort();
    return NULL;
}

static void start(struct stream *stream, void *(*function)(void *))
{
    if (pthread_create(&stream->threads[0], NULL, function, stream) != 0)
        abort();
    pthread_detach(stream->threads[0]);
}

static int32_t open_stream(struct stream *stream)
{
    stack_size = (size_t)asked(stream, "stack", 0);
    if (asked(stream, "stale", 0)) {
        call_all("stale", stale, former);
        return SLUICE_OPEN_END;
    }
    const char *name = host->query(stream->handle, "only");
    snprintf(only, sizeof only, "%s", name == NULL ? "" : name);
    if (only[0] != '\0') {
        subject = stream->handle;
        bind_function();
        callback();
        return SLUICE_OPEN_OK;
    }
    call_all("open", in_open, stream->handle);
    former = stream->handle;
    former_event = event;
    former_bound = bound;
    if (event == NULL || bound == NULL)
        abort();
    start(stream, answer);
    return SLUICE_OPEN_PENDING;
}

static int32_t next(struct stream *stream, sluice_event *made)
{
    (void)made;
    call_all("next", in_next, stream->handle);
    return SLUICE_NEXT_END;
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    start(stream, complete);
    return SLUICE_CLOSING;
}

FIXTURE(.name = "calls-from-a-small-stack", .open = open_stream, .next = next, .close = close_stream)
