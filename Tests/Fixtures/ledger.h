/*
 * ledger.h: the common code of the plugins that the end-to-end tests run in a real server.
 *
 * A fixture defines its functions in `FIXTURE(…)`. This header wraps them, so that every call writes a line to the
 * ledger, the file named by SLUICE_TEST_LEDGER, with one write each. A line is
 *
 *     nanoseconds thread plugin generation.stream what detail…
 *
 * where `generation` is the time at which the image was loaded, and `stream` counts from 1 in it (0: the image itself).
 *
 *     open-enter TAG LASTID   open-left STATUS      (TAG: `tag` as parameter or in the query; "-": none)
 *     opened STATUS           opened-left STATUS
 *     next-enter              next-left STATUS
 *     interrupt-enter         interrupt-left
 *     close-enter REASON      close-left STATUS     closed
 *     overlap FUNCTION        shutdown              note TEXT
 *
 * A fixture can wait at the gate, the pipe named by SLUICE_TEST_GATE: each byte in it lets one stream pass.
 */
#ifndef LEDGER_H
#define LEDGER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sluice.h>

static const sluice_host *host;

/* One stream of a fixture. The wrapper frees it after its end. */
struct stream {
    sluice_stream *handle;
    uint64_t number;    /* from 1, within the generation */
    uint64_t steps;     /* events created so far */
    int64_t count;      /* ?count=, else -1 */
    int64_t bytes;      /* ?bytes=, else 0 */
    atomic_int busy;    /* in open, next or close */
    atomic_bool over;   /* for the fixture's own threads */
    atomic_llong ready; /* the same */
    pthread_t threads[4];
    char text[256];
    char *memory;       /* freed with the stream */
};

/* A fixture's functions. Without `open`, OK is returned; without `close`, SLUICE_CLOSED. */
struct fixture {
    const char *name;
    uint32_t flags;
    bool quiet;         /* `next` writes no lines: for fixtures with a million calls */
    bool has_no_next;
    const char *parameters; /* with SLUICE_PLAIN_OPEN, for fixtures that do not read the query */
    int32_t (*open)(struct stream *stream);
    int32_t (*next)(struct stream *stream, sluice_event *event);
    int32_t (*close)(struct stream *stream, int32_t reason);
    void (*interrupt)(struct stream *stream);
};

static const struct fixture fixture;
static int ledger_file = -1, gate_file = -1;
static long long ledger_generation;
static atomic_ullong ledger_streams;

static inline long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void sleep_ms(int64_t milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

__attribute__((format(printf, 2, 3)))
static inline void ledger_write(const struct stream *stream, const char *format, ...)
{
    char line[512];
    int length = snprintf(line, sizeof line, "%lld %d %s %lld.%llu ", nanoseconds(), (int)gettid(), fixture.name,
                          ledger_generation, (unsigned long long)(stream ? stream->number : 0));
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 1)
        length = sizeof line - 1;
    line[length] = '\n';
    if (ledger_file >= 0 && write(ledger_file, line, (size_t)length + 1) < 0)
        abort();
}

/* Waits until the test lets one stream pass. */
static inline void pass_gate(void)
{
    char token;
    while (read(gate_file, &token, 1) != 1)
        ;
}

/* A value in the request, as a parameter or in the query; only within `open`. */
static inline const char *asked_text(const sluice_stream *handle, const char *name)
{
    return fixture.parameters ? host->parameter(handle, name) : host->query(handle, name);
}

static inline int64_t asked(const struct stream *stream, const char *name, int64_t otherwise)
{
    const char *text = asked_text(stream->handle, name);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static inline void enter(struct stream *stream, const char *function)
{
    if (atomic_exchange(&stream->busy, 1))
        ledger_write(stream, "overlap %s", function);
}

static inline void leave(struct stream *stream)
{
    atomic_store(&stream->busy, 0);
}

static inline void forget(struct stream *stream)
{
    free(stream->memory);
    free(stream);
}

/* Answers a pending open. */
static inline void answer_open(struct stream *stream, int32_t status)
{
    /* After an accepted answer, the stream can be closed and freed. */
    struct stream copy = {.number = stream->number};
    ledger_write(stream, "opened %d", status);
    host->opened(stream->handle, status);
    ledger_write(&copy, "opened-left %d", status);
}

/* Completes a close that answered SLUICE_CLOSING. */
static inline void complete_close(struct stream *stream)
{
    sluice_stream *handle = stream->handle;
    ledger_write(stream, "closed");
    forget(stream);
    host->closed(handle);
}

static int32_t ledger_open(sluice_stream *handle, void **state)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        abort();
    stream->handle = handle;
    stream->number = atomic_fetch_add(&ledger_streams, 1) + 1;
    stream->count = asked(stream, "count", -1);
    stream->bytes = fixture.parameters ? 0 : asked(stream, "bytes", 0);
    *state = stream;
    const char *tag = asked_text(handle, "tag"), *last = host->last_event_id(handle);
    ledger_write(stream, "open-enter %s %s", tag ? tag : "-", last ? last : "-");
    /* For pages of another origin. */
    const char *cors = asked_text(handle, "cors");
    if (cors && strcmp(cors, "false") != 0)
        host->set_header(handle, "Access-Control-Allow-Origin", "*");
    enter(stream, "open");
    int32_t status = fixture.open ? fixture.open(stream) : SLUICE_OPEN_OK;
    leave(stream);
    ledger_write(stream, "open-left %d", status);
    if (status != SLUICE_OPEN_OK && status != SLUICE_OPEN_PENDING)
        forget(stream);
    return status;
}

static int32_t ledger_next(void *state, sluice_event *event)
{
    struct stream *stream = state;
    if (!fixture.quiet)
        ledger_write(stream, "next-enter");
    enter(stream, "next");
    int32_t status = fixture.next(stream, event);
    leave(stream);
    if (!fixture.quiet)
        ledger_write(stream, "next-left %d", status);
    return status;
}

static int32_t ledger_close(void *state, int32_t reason)
{
    struct stream *stream = state;
    ledger_write(stream, "close-enter %d", reason);
    enter(stream, "close");
    /* A close that answers CLOSING passes the stream to a thread, which may free it at once. */
    struct stream copy = {.number = stream->number};
    int32_t status = fixture.close ? fixture.close(stream, reason) : SLUICE_CLOSED;
    ledger_write(&copy, "close-left %d", status);
    if (status == SLUICE_CLOSED)
        forget(stream);
    return status;
}

static void ledger_interrupt(void *state)
{
    struct stream *stream = state;
    ledger_write(stream, "interrupt-enter");
    fixture.interrupt(stream);
    ledger_write(stream, "interrupt-left");
}

static void ledger_shutdown(void)
{
    ledger_write(NULL, "shutdown");
}

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    static sluice_producer producer = {.struct_size = sizeof producer};
    static const sluice_producer *const producers[] = {&producer};
    static sluice_plugin plugin = {
        .magic = SLUICE_MAGIC,
        .abi_major = SLUICE_ABI_MAJOR,
        .abi_minor = SLUICE_ABI_MINOR,
        .struct_size = sizeof plugin,
        .version = "1.0.0",
        .producers = producers,
        .producer_count = 1,
        .shutdown = ledger_shutdown,
    };
    host = given;
    plugin.name = producer.name = fixture.name;
    producer.flags = fixture.flags;
    producer.parameters = fixture.parameters;
    producer.open = SLUICE_OPEN(ledger_open);
    producer.next = fixture.has_no_next ? NULL : ledger_next;
    producer.close = ledger_close;
    producer.interrupt = fixture.interrupt ? ledger_interrupt : NULL;
    ledger_generation = nanoseconds();
    if (getenv("SLUICE_PROBE") != NULL) /* a probe's calls are not in the ledger */
        return &plugin;
    const char *ledger = getenv("SLUICE_TEST_LEDGER"), *gate = getenv("SLUICE_TEST_GATE");
    if (ledger != NULL)
        ledger_file = open(ledger, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (gate != NULL)
        gate_file = open(gate, O_RDONLY | O_CLOEXEC);
    ledger_write(NULL, "loaded");
    return &plugin;
}

#define FIXTURE(...) static const struct fixture fixture = {__VA_ARGS__};

#endif
