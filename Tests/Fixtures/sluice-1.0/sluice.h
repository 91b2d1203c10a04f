/*
 * sluice.h: the interface between Sluice, a server for Server-Sent Events, and its plugins.
 *
 * A plugin is one shared object (`.so`). It exports one symbol, `sluice_plugin_entry`, and through it declares producers. A
 * producer has a route ("/ticker/{symbol}"), typed parameters, and three functions: `open` starts a stream, `next` yields its
 * events, `close` ends it. This header is the specification. It includes nothing but the three headers below, and compiles as
 * C11 and as C++17.
 *
 * LIFE OF A PLUGIN
 *   The host copies the file and tries the copy in a process of its own, the probe: it loads the copy there, calls
 *   `sluice_plugin_entry`, and ends the process. A plugin that crashes, hangs, ends the process or leaves another one behind there is refused. Then
 *   the host loads the same copy itself, and calls `sluice_plugin_entry` once. When the file changes and the host reloads,
 *   the new file becomes a new generation beside the old one: both have their own code and their own global variables. An old
 *   generation gets no new streams; after its last `close`, its `shutdown` runs once. Its code is never unmapped.
 *
 * LIFE OF A STREAM
 *        open ──OK──────────────▶ open ──next─▶ EVENT / WAIT ─┐
 *         │ └──PENDING─▶ opened(OK) ▲                         │        close ──CLOSED──▶ gone
 *         │                         └─────────────────────────┤          ▲  └─CLOSING─▶ closed() ─▶ gone
 *         └──END, REJECT──▶ gone (no close)                   └──END, ERROR, or the stream's end from outside
 *
 *   `close` runs exactly once for every `open` that answered SLUICE_OPEN_OK (at once, or later through `host->opened`), whatever happened in between: never before
 *   that answer, never while another function of the stream runs, and never after the `shutdown` of its generation. It does not run after END or REJECT.
 *
 * THREADS
 *   [stream-thread]  the functions of one stream never overlap, and each sees what the one before wrote. Nothing more is promised:
 *                    they may run on different threads of the host, and different streams run at the same time.
 *   [any-thread]     may be called from any thread, including a plugin's own (16 KiB of stack is enough), and from inside the stream's functions.
 *   [load-thread]    a thread that the host starts for this call; calls for different plugins or generations may run at the same time.
 *   A signal handler must not call any of the host's functions. Working directory, environment, signals, umask and limits belong to
 *   the whole process: a plugin must not change them, and the host restores them. Locales are set per thread, with uselocale.
 *
 * MEMORY
 *   Whoever allocates memory frees it. A pointer given to the host is read before the call returns, unless its comment says otherwise; a pointer
 *   received from the host is valid until the moment that its comment states. Text is UTF-8.
 *
 * GROWTH
 *   Each struct that crosses the interface begins with its own size (`sluice_plugin`: after magic and version). The side that reads a member
 *   checks that the size covers it, so members are only ever added at the end, and plugins built against an older header of the same major version keep loading.
 *   A plugin whose major version differs from the host's, or whose minor version is newer, is refused.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------- Version */

/** "SLUI", the first word of every `sluice_plugin`: distinguishes a plugin from another library that has a symbol of the entry's name. */
#define SLUICE_MAGIC 0x49554C53u
#define SLUICE_ABI_MAJOR 1u
#define SLUICE_ABI_MINOR 0u

/** As a length: the text ends at its NUL. */
#define SLUICE_CSTR SIZE_MAX

/* ----------------------------------------------------------------------------------------------------------- Constants */

/** What `open` answers. Any other value is a broken contract: the request gets 500, and `close` does not run. */
enum {
    SLUICE_OPEN_OK = 0,      /**< The stream is open. */
    SLUICE_OPEN_END = 1,     /**< There is nothing (more) to send: the answer is 204, and an EventSource stops reconnecting. */
    SLUICE_OPEN_REJECT = 2,  /**< Refused with the status given to `host->reject`, or with 500 if none was given. */
    SLUICE_OPEN_PENDING = 3  /**< The answer comes later through `host->opened`. */
};

/** What `next` answers. Any other value is a broken contract: the stream ends, reason SLUICE_CLOSE_FAILED. */
enum {
    SLUICE_NEXT_EVENT = 0,  /**< `event` is filled. With wait_ms > 0: call again after that time, or when woken. */
    SLUICE_NEXT_WAIT = 1,   /**< Nothing yet. Call again after wait_ms, or when woken; -1: only when woken. */
    SLUICE_NEXT_END = 2,    /**< The stream is complete; the subscriber is told not to reconnect. */
    SLUICE_NEXT_ERROR = 3   /**< The stream failed; the subscriber is sent the text given to `host->fail`. */
};

/** What `close` answers. Any other value counts as SLUICE_CLOSED. */
enum {
    SLUICE_CLOSED = 0,  /**< The stream is over; the host no longer uses `state`. */
    SLUICE_CLOSING = 1  /**< Not over yet: the stream counts as open until `host->closed(stream)`, which must be called once. */
};

/** Why a stream ends. */
enum {
    SLUICE_CLOSE_COMPLETED = 1,     /**< `next` answered SLUICE_NEXT_END. */
    SLUICE_CLOSE_FAILED = 2,        /**< `next` answered SLUICE_NEXT_ERROR, or broke the contract. */
    SLUICE_CLOSE_DISCONNECTED = 3,  /**< The subscriber left, or its connection was lost. */
    SLUICE_CLOSE_SLOW = 4,          /**< The subscriber did not read within the write deadline. */
    SLUICE_CLOSE_EXPIRED = 5,       /**< The stream reached its maximum age. */
    SLUICE_CLOSE_RELOADED = 6,      /**< A newer generation took over. */
    SLUICE_CLOSE_REMOVED = 7,       /**< The plugin's file is gone. */
    SLUICE_CLOSE_SHUTDOWN = 8       /**< The server is stopping. */
};

/** What `host->emit` answers. */
enum {
    SLUICE_EMIT_OK = 0,      /**< The event was copied and will be sent. */
    SLUICE_EMIT_FULL = 1,    /**< The queue is full, or the stream is moving to a newer generation. The event was not taken; the stream is woken when there is room. */
    SLUICE_EMIT_CLOSED = 2,  /**< The stream is over; the event will not be sent. */
    SLUICE_EMIT_INVALID = 3  /**< The event breaks a rule of `sluice_event`; it was not taken, and the rule is logged. */
};

/** Levels of `host->log`. */
enum { SLUICE_LOG_DEBUG = 0, SLUICE_LOG_INFO = 1, SLUICE_LOG_WARNING = 2, SLUICE_LOG_ERROR = 3 };

/** Bits of `sluice_producer.flags`. A bit that is not listed is reserved and must be 0; a plugin that sets one is refused. */
enum {
    /** All functions return in less than a millisecond and never block. They run on the host's own loop threads, and tens of thousands of streams are cheap.
        Without this flag, each stream has a thread of its own (there can be few of them, with 8 MiB of stack each). A call that stalls a loop (50 ms) is logged;
        after three of them in 10 s, or one that does not return within a second, the producer's streams run on threads for a while. No function may end its thread (pthread_exit). */
    SLUICE_NONBLOCKING = 1 << 0,
    /** One stream serves all subscribers whose parameters are equal. As the stream belongs to none of them, `open` sees parameters and
        configuration, but no header, query, address or body. It sees a last event ID only with SLUICE_RESUMABLE: the one that the
        first subscriber sent, if it can come from this producer. Not allowed together with SLUICE_BODY. */
    SLUICE_SHARED = 1 << 1,
    /** A new `open` that is given a last event ID continues exactly after that event, so the host may reopen the stream at any time: a reload continues its
        streams in the new generation, in the same response. There, `open` sees the original request, with the last event ID that the stream sent, and what
        `save` handed over. If the stream sent no ID, `open` sees the request's own ID, or none. Events without an ID cannot be resumed after, and may be sent
        again; a producer without IDs uses `save`. A stream of any producer that fails in the new generation before its first event is reopened in the old one. The functions of both may run at the same time. */
    SLUICE_RESUMABLE = 1 << 2,
    /** Requests may be POST with a body (of limited size), read through `host->body`. */
    SLUICE_BODY = 1 << 3,
    /** `open` is `int32_t open(sluice_stream *stream, void **state)` whatever `parameters` declares. The parameters are still
        checked, and are read through `host->parameter`. For language bindings. */
    SLUICE_PLAIN_OPEN = 1 << 4
};

/* ----------------------------------------------------------------------------------------------------------- The types */

/** The host's handle of a stream; not an address. The plugin gets it in `open` and may keep it for ever: a call with it after the
    stream is over is recognised, does nothing, and is logged. */
typedef struct sluice_stream sluice_stream;

/** Any function. It is cast back to its real type before it is called (see SLUICE_OPEN). */
typedef void (*sluice_function)(void);

/**
 * One event: the fields of a Server-Sent Event (WHATWG HTML, section 9.2.6).
 *
 * Before each `next` the host resets it: all pointers NULL, all lengths SLUICE_CSTR, both times -1. For `emit`, start with
 * `sluice_event_init`. The plugin keeps ownership of the bytes; they must stay valid until the host's next call on that stream
 * (`next`, `close`), or until `emit` returns. The host copies them once.
 */
typedef struct sluice_event {
    uint32_t struct_size; /**< Set by the host, or by sluice_event_init. */
    uint32_t reserved;    /**< 0 */
    /** The payload: any UTF-8 text. Each of its lines (ended by LF, CR or CRLF) becomes a line of data. NULL: no data line, so
        browsers dispatch no event; Chromium and Safari remember the ID anyway, Firefox does not. Empty text: an event whose data is the empty string. */
    const char *data;
    size_t data_length;
    /** The event's name, for addEventListener; NULL: "message". No newline, no NUL. */
    const char *type;
    size_t type_length;
    /** What a subscriber sends as Last-Event-ID when it reconnects: preferably ASCII, at most 1024 bytes. No newline, no NUL. "sluice-end"
        is reserved for the host. An empty ID resets the browser's. */
    const char *id;
    size_t id_length;
    /** A comment, which browsers do not pass to scripts; may have several lines. */
    const char *comment;
    size_t comment_length;
    /** The reconnection time in milliseconds, 0 or more; -1: none. The host sends one of its own at the beginning, but does not replace this one at the end. */
    int64_t retry_ms;
    /** When to call `next` again, in milliseconds from now; see the constants of `next`. Ignored by `emit`. */
    int64_t wait_ms;
} sluice_event;

/** What a plugin offers on one route. Must stay valid and unchanged once `sluice_plugin_entry` has returned. */
typedef struct sluice_producer {
    uint32_t struct_size; /**< sizeof(sluice_producer) */
    uint32_t flags;       /**< SLUICE_NONBLOCKING and so on */
    /** [a-z0-9] and inner '-', '_', '.'; at most 64 bytes; unique within the plugin. */
    const char *name;
    /** "/ticker/{symbol}"; NULL means "/<name>". A placeholder is a whole segment and names a parameter. */
    const char *route;
    /** One line for people; may be NULL. */
    const char *description;
    /**
     * The signature of `open` beyond its first two arguments, as "symbol: str, interval: f64 in 0.1...60 = 1.0, note: str?"; NULL or "" for none.
     * Types: bool i32 i64 u32 u64 f32 f64 str; `str?` is NULL when absent. A number may have a range, `in 1...10`, `in 1...` or `in ...10`,
     * which includes its bounds; a default must lie within it. A plugin with a signature that breaks these rules is refused. Values come from the route's
     * placeholders, then from the query. A value that is missing and has no default, does not parse, is out of range or contains a NUL is answered with 400,
     * before `open` is called. The C types are bool int32_t int64_t uint32_t uint64_t float double const char*. Numbers are finite: never NaN or infinity.
     */
    const char *parameters;
    /**
     * int32_t open(sluice_stream *stream, void **state, P1 p1, P2 p2, …)              [stream-thread] [once per stream]
     *
     * Starts a stream. `*state` is NULL at first; what open stores there is passed to all the other functions. Text arguments
     * are valid until open answers (OK, END or REJECT; after PENDING, until `host->opened`). Wrap it in SLUICE_OPEN().
     */
    sluice_function open;
    /**
     * Yields the next event; see the constants for what the host does after each answer. It is not called while the
     * subscriber's socket is full. May be NULL for a producer that only uses `emit`.   [stream-thread]
     */
    int32_t (*next)(void *state, sluice_event *event);
    /** Ends the stream, for one of the SLUICE_CLOSE_… reasons.                         [stream-thread] [exactly once] */
    int32_t (*close)(void *state, int32_t reason);
    /**
     * Asks a `next` that blocks, or a pending open, to return soon, because the stream must end. It may run while `next`, `save` or a scheduled function
     * runs, and more than once, but one call at a time. It never runs before `open` has returned, once `close` was called, or after a refusal through
     * `host->opened`. It may wait for a lock that `next` holds, but must not wait for a thread that may be in `host->opened`, which may wait for it. May be NULL. [any-thread]
     */
    void (*interrupt)(void *state);
    /** Called on a reload, after the last `next` and before `close`: pass what the new generation should know to `host->save`. May
        be NULL. Bytes only: nothing in them may point into this generation. Only with SLUICE_RESUMABLE, as no other stream is
        continued. If the new generation refuses the stream, it continues here as if nothing had happened: `next` may follow. [stream-thread] */
    void (*save)(void *state, sluice_stream *stream);
} sluice_producer;

/** What `sluice_plugin_entry` returns. Must stay valid and unchanged for ever. */
typedef struct sluice_plugin {
    uint32_t magic;       /**< SLUICE_MAGIC */
    uint32_t abi_major;   /**< SLUICE_ABI_MAJOR */
    uint32_t abi_minor;   /**< SLUICE_ABI_MINOR */
    uint32_t struct_size; /**< sizeof(sluice_plugin) */
    const char *name;     /**< like a producer's name; unique in the directory */
    const char *version;  /**< for people, e.g. "1.4.0"; may be NULL */
    const char *description; /**< one line for people; may be NULL */
    const sluice_producer *const *producers; /**< `producer_count` pointers, at least one */
    size_t producer_count;
    /** Frees what the generation holds. Called after its last close, or without one if it had no stream; also when the process ends, as destructors and
        atexit(3) functions never run then. Handlers of `host->bind`, and a thread about to leave `host->closed`, may still run. May be NULL. [load-thread] [once] */
    void (*shutdown)(void);
} sluice_plugin;

/**
 * What the host offers. The struct and everything it points to stay valid for ever. A stream's handle may be used until it is stale: until `close`
 * returns SLUICE_CLOSED or `closed` is called, or `open` returns END or REJECT or `opened` is called with one of them. Later calls
 * do nothing, answer false, NULL or SLUICE_EMIT_CLOSED, and are logged; but `is_cancelled` answers true, and `log` writes its line.
 */
typedef struct sluice_host {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *version; /**< of the host, for people */

    /** Writes one line to the server's log, with the names of plugin, producer and stream; at most 1,000 a second of one producer. `stream` may be NULL. [any-thread] */
    void (*log)(const sluice_stream *stream, int32_t level, const char *message);

    /** Tells the host that `next` is worth calling again. Cheap; many calls become one; also before `open` has answered.          [any-thread] */
    void (*wake)(sluice_stream *stream);
    /** Sends an event without `next`; from within `next`, it is sent before the one that `next` returns. Never blocks. The queue is bounded; SLUICE_EMIT_… says what happened. Not before `open` was called. [any-thread] */
    int32_t (*emit)(sluice_stream *stream, const sluice_event *event);

    /** Sleeps. True when the time is over or the stream was woken; false, at once, when the stream must end. Only for producers
        without SLUICE_NONBLOCKING (with it, returns at once and is logged).                                 [stream-thread] */
    bool (*sleep)(sluice_stream *stream, int64_t milliseconds);
    /** True when the stream must end: a blocking function should return soon. Also true once it is over.           [any-thread] */
    bool (*is_cancelled)(const sluice_stream *stream);

    /* The request. It can be read from the call of `open` until its answer, and the pointers are valid until then; NULL if there is no such value. [any-thread] */
    /** A parameter as text, defaults included ("1.0", "true"). */
    const char *(*parameter)(const sluice_stream *stream, const char *name);
    /** The first value of that name in the query, percent-decoded. */
    const char *(*query)(const sluice_stream *stream, const char *name);
    /** A request header; the name is case-insensitive. Several of one name are joined with ", ". */
    const char *(*header)(const sluice_stream *stream, const char *name);
    /** The request's path as sent, without the query and the server's base path. */
    const char *(*path)(const sluice_stream *stream);
    const char *(*method)(const sluice_stream *stream);
    /** The client's address without port, e.g. "192.0.2.7" or "2001:db8::7", or as a trusted proxy says; "unix:" for a program that came through a socket in the file system. */
    const char *(*remote_address)(const sluice_stream *stream);
    /** The last event ID that a reconnecting subscriber sent: from Last-Event-ID, or from last_event_id or lastEventId in the query. */
    const char *(*last_event_id)(const sluice_stream *stream);
    /** The body of a POST; its length in bytes goes to `*length`. */
    const void *(*body)(const sluice_stream *stream, size_t *length);
    /** The value of a key in the operator's configuration for this producer. */
    const char *(*config)(const sluice_stream *stream, const char *key);

    /** Sets the status (400 to 599) and message of a refusal; call it before answering SLUICE_OPEN_REJECT.           [any-thread] */
    void (*reject)(sluice_stream *stream, int32_t status, const char *message);
    /** Sets what the subscriber is told; call it before `next` answers SLUICE_NEXT_ERROR.                      [any-thread] */
    void (*fail)(sluice_stream *stream, const char *message);
    /** Sets a header of the response, until `open` answers: of the stream (for all subscribers with SLUICE_SHARED), of the 204, or of the refusal, e.g. Retry-After.
        Setting a name again replaces the value; only WWW-Authenticate and Set-Cookie are added. HEAD calls no `open`, so its answer has none. At most 32 headers, with
        values of at most 4096 bytes. False (and logged) for more, for what HTTP forbids, for values beyond ASCII, and for what the server sets: Cache-Control, Connection,
        Content-Encoding, -Length and -Type, Date, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade, X-Accel-Buffering, X-Content-Type-Options. [any-thread] */
    bool (*set_header)(sluice_stream *stream, const char *name, const char *value);

    /** Answers an open that was SLUICE_OPEN_PENDING: SLUICE_OPEN_OK, _END or _REJECT. Call it exactly once. After OK, `next` and `close` may run before it returns.
        With END and REJECT it waits until no `interrupt` and no scheduled function of the stream runs on another thread, and none starts afterwards: free the state
        once `opened` returns, not before. So do not hold a lock that those functions take. When called from inside one of them, it does not wait for that one, which must not use the state any more. [any-thread] */
    void (*opened)(sluice_stream *stream, int32_t status);
    /** Completes a close that answered SLUICE_CLOSING. Call it exactly once; it may be called before that close returns. It waits like a refusal through `opened`. [any-thread] */
    void (*closed)(sluice_stream *stream);

    /** Runs `function(context)` on the stream's loop or thread, `after_ns` nanoseconds from now, never overlapping the stream's own functions. Calls
        for the same time run in the order in which they were scheduled. True: it will run, unless the handle becomes stale first; then it never runs, and
        the plugin must free `context`. False: the handle is stale, or 10,000 of the stream's calls (max-scheduled-calls) have not run yet. [any-thread] */
    bool (*schedule)(sluice_stream *stream, int64_t after_ns, void (*function)(void *context), void *context);

    /** In `open`: what the previous generation passed to `save` for this stream, or NULL. Valid until open answers. [any-thread] */
    const void *(*saved)(const sluice_stream *stream, size_t *length);
    /** Only inside the producer's `save`: keeps a copy of the bytes for the next generation, replacing those of an earlier call. False for more than 1 MiB. [any-thread] */
    bool (*save)(sluice_stream *stream, const void *bytes, size_t length);

    /**
     * Creates a C function with the given signature, e.g. "(str, f64) -> void". Calling it calls `handler(context, …its arguments…)` and
     * returns the result. For libraries whose callbacks carry no user data. "-> void" may be left out.
     *
     * Types: bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64, as in C `bool`, `int8_t` … `double`; str (`const char *`, may be NULL) and
     * ptr (any other pointer). At most 64 arguments. `handler` is cast to sluice_function; its real type is
     * `R (void *context, P1, P2, …)`.
     *
     * The function may be called from any thread, at any time, including within `open`, `next`, `close` and itself. It belongs to the
     * stream: once the stream is over (open has refused, close has answered SLUICE_CLOSED, or `closed` was called), a call does nothing,
     * returns zero, and is counted and logged. It is never freed, so a library may keep it; but once it has not been called for a minute
     * after the end of its stream, it may be reused, for the same producer and signature. A handler that is running on another
     * thread when the stream ends continues, and nothing waits for it: `context` must stay valid until the handler has returned.
     *
     * Returns NULL, and logs why, if the signature cannot be parsed, there is no handler, the stream is over, the system refuses
     * executable memory, or 65536 functions exist that cannot be reused yet.                                   [any-thread]
     */
    sluice_function (*bind)(sluice_stream *stream, const char *signature, sluice_function handler, void *context);
    /**
     * Creates a C function whose every call becomes an event, without a handler: with "op: i32, _: ptr, table: str, rowid: i64", the data of
     * an event is {"op":18,"table":"users","rowid":7}. Types, threads, lifetime and failure are as for `bind`.
     *
     * - `_` leaves an argument out. Text that is not UTF-8 is repaired (U+FFFD), NULL is null, a ptr is "0x7f…", numbers that are not finite are
     *   null; 64-bit numbers keep all of their digits, but JavaScript rounds those beyond 2^53.
     * - An argument named `@type` or `@id` becomes the event's type or id: as text in which line ends become spaces. There is none if it is NULL or
     *   not finite, or, for an ID, if it is longer than 1024 bytes or the host's own "sluice-end".
     * - After the arguments there may be "-> R", for a result that is always zero, and options: "; full=drop-oldest, type=row". `type` is the type of all
     *   its events. `full` says what happens to an event when the stream's queue, the one of `emit`, is full: drop-newest (it is not sent; the default),
     *   drop-oldest (it is sent, and older ones are not), or fail (the stream ends, reason SLUICE_CLOSE_FAILED). Dropped events are counted and logged.
     *   Events of calls during a reload of the stream come before the new generation's first event; but they are dropped if the new generation continues
     *   from a point before them (an ID, `save`), and so produces them again. [any-thread]
     */
    sluice_function (*callback)(sluice_stream *stream, const char *signature);

    /** The pointer with which the plugin declared the stream's producer. For language bindings, whose
        producers share their functions. NULL for a stream that is over.                                         [any-thread] */
    const sluice_producer *(*producer)(const sluice_stream *stream);
} sluice_host;

/* ----------------------------------------------------------------------------------------------------------- The entry */

#if defined(__GNUC__)
#define SLUICE_EXPORT __attribute__((visibility("default")))
#define SLUICE_MAYBE_UNUSED __attribute__((unused))
#else
#define SLUICE_EXPORT
#define SLUICE_MAYBE_UNUSED
#endif

/**
 * The one symbol that a plugin exports. Called once per generation, before anything else. It should only store `host`
 * and return what the plugin declares. To refuse to be loaded, return NULL, and log why with `host->log(NULL, …)`. [load-thread] [once]
 *
 * Before that it is called in the probe: another process, with SLUICE_PROBE=1 in its environment, a few seconds of time and limited memory.
 * It must declare the same there. Nothing else of the plugin is called in a probe, not even `shutdown`.
 */
SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host);

/* -------------------------------------------------------------------------------------------------------- Conveniences */

/** Casts an `open` with any parameters to the type of the member of sluice_producer. */
#define SLUICE_OPEN(function) ((sluice_function)(function))

/** An event as the host hands it to `next`: nothing set. */
SLUICE_MAYBE_UNUSED static inline void sluice_event_init(sluice_event *event)
{
    event->struct_size = (uint32_t)sizeof *event;
    event->reserved = 0;
    event->data = event->type = event->id = event->comment = NULL;
    event->data_length = event->type_length = event->id_length = event->comment_length = SLUICE_CSTR;
    event->retry_ms = event->wait_ms = -1;
}

/**
 * Declares a whole plugin: defines the entry, which stores the host in the variable `host_variable`.
 *
 *     static const sluice_host *host;
 *     …
 *     SLUICE_PLUGIN(host, "hello", "1.0.0", "Says hello", &hello)
 */
#define SLUICE_PLUGIN(host_variable, plugin_name, plugin_version, plugin_description, ...)                          \
    SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *sluice_entry_host)                    \
    {                                                                                                               \
        static const sluice_producer *const sluice_entry_producers[] = {__VA_ARGS__};                               \
        static const sluice_plugin sluice_entry_plugin = {                                                          \
            SLUICE_MAGIC, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR, (uint32_t)sizeof(sluice_plugin),                      \
            plugin_name, plugin_version, plugin_description, sluice_entry_producers,                                \
            sizeof sluice_entry_producers / sizeof sluice_entry_producers[0], NULL};                                \
        (host_variable) = sluice_entry_host;                                                                        \
        return &sluice_entry_plugin;                                                                                \
    }

#ifdef __cplusplus
}
#endif

#endif
