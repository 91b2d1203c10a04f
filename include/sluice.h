/*
 * sluice.h: the interface between Sluice, a server of Server-Sent-Event streams, and its plugins.
 *
 * A plugin is one shared object (`.so`). It exports one symbol, `sluice_plugin_entry`, and through it declares producers. A
 * producer has a route ("/ticker/{symbol}"), typed parameters, and three functions: `open` starts a stream, `next` yields its
 * events, `close` ends it. This header is the specification. It includes nothing but the three headers below, and compiles as
 * C11 and as C++17.
 *
 * LIFE OF A PLUGIN
 *   The host copies the file and tries the copy in a process of its own, the probe: it loads it there, calls
 *   `sluice_plugin_entry`, and ends the process. What crashes, hangs, ends the process or leaves another one behind is refused. Then
 *   the host loads the same copy itself, and calls `sluice_plugin_entry` once. When the file changes and the host reloads,
 *   the new file becomes a new generation beside the old one: both have their own code and their own global variables. An old
 *   generation gets no new streams; after its last `close` its `shutdown` runs once. Its code is never unmapped.
 *
 * LIFE OF A STREAM
 *        open ──OK──────────────▶ open ──next─▶ EVENT / WAIT ─┐
 *         │ └──PENDING─▶ opened(OK) ▲                         │        close ──CLOSED──▶ gone
 *         │                         └─────────────────────────┤          ▲  └─CLOSING─▶ closed() ─▶ gone
 *         └──END, REJECT──▶ gone (no close)                   └──END, ERROR, or the stream's end from outside
 *
 *   `close` runs exactly once for every `open` that answered SLUICE_OPEN_OK (at once, or later through `host->opened`), whatever happened in between; never before
 *   that answer, never while another function of the stream runs, and never after the `shutdown` of its generation. It does not run after END or REJECT.
 *
 * THREADS
 *   [stream-thread]  the functions of one stream never overlap, and each sees what the one before wrote. That is all: they may
 *                    run on different threads of the host, and different streams run at the same time.
 *   [any-thread]     may be called from every thread, also from a plugin's own (16 KiB of stack are enough), and from inside the stream's functions.
 *   [load-thread]    a thread of the call's own; calls for different plugins or generations may run at the same time.
 *   Signal handlers are no threads: none of the host's functions may be called from one. Working directory, environment, signals, umask and
 *   limits are the whole process's: a plugin must not change them, and the host puts them back. Locales are set per thread, with uselocale.
 *
 * MEMORY
 *   Who made memory frees it. A pointer given to the host is read before the call returns, unless its comment says otherwise; a pointer
 *   received from the host is valid until the moment that its comment names. Text is UTF-8.
 *
 * GROWTH
 *   Each struct that crosses says its own size first (`sluice_plugin`: after magic and version). The side that reads a member
 *   checks that the size covers it, so members are only ever added at the end, and plugins built against an older header of the same major version keep loading.
 *   A plugin with another major, or a newer minor, than the host's is refused.
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

/** "SLUI", the first word of every `sluice_plugin`: tells a plugin from some other library that has an entry of this name. */
#define SLUICE_MAGIC 0x49554C53u
#define SLUICE_ABI_MAJOR 1u
#define SLUICE_ABI_MINOR 0u

/** As a length: the text ends at its NUL. */
#define SLUICE_CSTR SIZE_MAX

/* ----------------------------------------------------------------------------------------------------------- Constants */

/** What `open` answers. Any other value is a broken contract: the request gets 500, and `close` does not run. */
enum {
    SLUICE_OPEN_OK = 0,      /**< The stream is open. */
    SLUICE_OPEN_END = 1,     /**< There is nothing (more) to send: 204, and an EventSource stops reconnecting. */
    SLUICE_OPEN_REJECT = 2,  /**< Refused with the status given to `host->reject`; 500 where none was given. */
    SLUICE_OPEN_PENDING = 3  /**< The answer comes later through `host->opened`. */
};

/** What `next` answers. Any other value is a broken contract: the stream ends, reason SLUICE_CLOSE_FAILED. */
enum {
    SLUICE_NEXT_EVENT = 0,  /**< `event` is filled. With wait_ms > 0: call again after that time, or when woken. */
    SLUICE_NEXT_WAIT = 1,   /**< Nothing now. Call again after wait_ms, or when woken; -1: only when woken. */
    SLUICE_NEXT_END = 2,    /**< The stream is complete; the subscriber is told not to come back for it. */
    SLUICE_NEXT_ERROR = 3   /**< The stream failed; the text given to `host->fail` is what the subscriber is told. */
};

/** What `close` answers. Any other value counts as SLUICE_CLOSED. */
enum {
    SLUICE_CLOSED = 0,  /**< Over: the host touches `state` no more. */
    SLUICE_CLOSING = 1  /**< Not yet: the stream counts as open until `host->closed(stream)`, to be called once. */
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
    SLUICE_CLOSE_SHUTDOWN = 8       /**< The server stops. */
};

/** What `host->emit` answers. */
enum {
    SLUICE_EMIT_OK = 0,      /**< The event was copied and will be sent. */
    SLUICE_EMIT_FULL = 1,    /**< The queue is full, or the stream moves to a newer generation: not taken; the stream is woken when there is room. */
    SLUICE_EMIT_CLOSED = 2,  /**< The stream is over; nothing sent on it will arrive. */
    SLUICE_EMIT_INVALID = 3  /**< The event breaks a rule of `sluice_event`; it was not taken, and the rule is logged. */
};

/** Levels of `host->log`. */
enum { SLUICE_LOG_DEBUG = 0, SLUICE_LOG_INFO = 1, SLUICE_LOG_WARNING = 2, SLUICE_LOG_ERROR = 3 };

/** Bits of `sluice_producer.flags`. A bit that is not listed is reserved and must be 0; a plugin that sets one is refused. */
enum {
    /** All functions return in under a millisecond and never block: they run on the host's own loop threads, and tens of thousands of streams are cheap.
        Without it each stream has a thread of its own (few of them, with 8 MiB of stack). A call that stalls a loop (50 ms) is logged; three in 10 s, or
        one that has not returned after a second, and the producer's streams get threads for a while. No function may end its thread (pthread_exit). */
    SLUICE_NONBLOCKING = 1 << 0,
    /** One stream serves all subscribers whose parameters are equal. As it belongs to none of them, `open` sees parameters and
        configuration, but no header, query, address or body; and a last event id only with SLUICE_RESUMABLE, the one that the
        first subscriber brought, if the producer can have made it. Not together with SLUICE_BODY. */
    SLUICE_SHARED = 1 << 1,
    /** A new `open` that is given the last event id goes on exactly behind it, so the host may re-open the stream at will: a reload continues its streams in
        the new generation, in the same response. `open` sees there the original request, with the last event ID that the stream sent, and what `save`
        handed over. If it gave none, the request's own, or none: an event without id is no place to go on from, and may come again; a producer without ids has
        `save`. A stream of any producer that fails there before its first event is opened in the old generation again. The functions of both may run at the same time. */
    SLUICE_RESUMABLE = 1 << 2,
    /** Requests may be POST with a body (of limited size), read through `host->body`. */
    SLUICE_BODY = 1 << 3,
    /** `open` is `int32_t open(sluice_stream *stream, void **state)` whatever `parameters` says; the parameters are checked all
        the same, and read through `host->parameter`. For language bindings. */
    SLUICE_PLAIN_OPEN = 1 << 4
};

/* ----------------------------------------------------------------------------------------------------------- The types */

/** A stream as the host knows it: a handle, not an address. The plugin gets it in `open` and may keep it for ever: used after
    the stream is over it is recognised, does nothing, and is logged. */
typedef struct sluice_stream sluice_stream;

/** Any function: cast to and from its real type before it is called (see SLUICE_OPEN). */
typedef void (*sluice_function)(void);

/**
 * One event: the fields of a Server-Sent Event (WHATWG HTML, section 9.2.6).
 *
 * Before each `next` the host resets it: all pointers NULL, all lengths SLUICE_CSTR, both times -1. For `emit`, start with
 * `sluice_event_init`. The bytes stay the plugin's: lent to the host until the plugin's next call on that stream (`next`,
 * `close`), or until `emit` returns; the host copies them once.
 */
typedef struct sluice_event {
    uint32_t struct_size; /**< Set by the host, or by sluice_event_init. */
    uint32_t reserved;    /**< 0 */
    /** The payload, any UTF-8 text; each line of it (LF, CR or CRLF) becomes a line of data. NULL: no data line, so that the
        browser dispatches nothing; Chromium and Safari remember the id all the same, Firefox does not. An empty text is an event with the empty string. */
    const char *data;
    size_t data_length;
    /** The event's name, for addEventListener; NULL: "message". No newline, no NUL. */
    const char *type;
    size_t type_length;
    /** What a returning subscriber sends as Last-Event-ID: plain ASCII at best, 1024 bytes at most. No newline, no NUL. "sluice-end"
        is the host's own. An empty id resets the browser's. */
    const char *id;
    size_t id_length;
    /** A comment, seen by no browser script; may have several lines. */
    const char *comment;
    size_t comment_length;
    /** The reconnection time in milliseconds, 0 or more; -1: none. The host, which gives one of its own at the beginning, does not replace it at the end. */
    int64_t retry_ms;
    /** When `next` is worth calling again, in milliseconds from now; see the constants of `next`. Ignored by `emit`. */
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
     * which includes its bounds; a default lies within it. A signature that breaks these rules refuses the plugin. Values come from the route's placeholders,
     * then from the query. One that is missing without a default, does not parse, is out of range or holds a NUL is answered with 400 before `open` is called.
     * As C types: bool int32_t int64_t uint32_t uint64_t float double const char*. Finite numbers only: there is no NaN, no infinity.
     */
    const char *parameters;
    /**
     * int32_t open(sluice_stream *stream, void **state, P1 p1, P2 p2, …)              [stream-thread] [once per stream]
     *
     * Starts a stream. `*state` is NULL at first; what open leaves there is handed to all the others. Text arguments are
     * valid until open answers (OK, END or REJECT; in the case of PENDING, until `host->opened`). Wrap it in SLUICE_OPEN().
     */
    sluice_function open;
    /**
     * Yields the next event; see the constants for what each answer makes the host do. It is not called while the
     * subscriber's socket is full. May be NULL for a producer that only uses `emit`.   [stream-thread]
     */
    int32_t (*next)(void *state, sluice_event *event);
    /** Ends the stream, for one of the SLUICE_CLOSE_… reasons.                         [stream-thread] [exactly once] */
    int32_t (*close)(void *state, int32_t reason);
    /**
     * Asks a `next` that blocks to return soon, as the stream must end; also a pending open. It may run while `next`, `save` or a scheduled function
     * runs, and more than once, one at a time; never before `open` has returned, once `close` was called, or behind a refusal through `host->opened`.
     * It may wait for a lock that `next` holds, but for no thread that may be in `host->opened`: the stream ends behind it. May be NULL.  [any-thread]
     */
    void (*interrupt)(void *state);
    /** On a reload, after the last `next` and before `close`: hand what the new generation should know to `host->save`. May
        be NULL. Bytes only: nothing in them may point into this generation. Only with SLUICE_RESUMABLE, as no other stream is
        continued. If the new generation refuses the stream, it goes on as if nothing had been: `next` may follow. [stream-thread] */
    void (*save)(void *state, sluice_stream *stream);
} sluice_producer;

/** What `sluice_plugin_entry` returns. Must stay valid and unchanged for ever. */
typedef struct sluice_plugin {
    uint32_t magic;       /**< SLUICE_MAGIC */
    uint32_t abi_major;   /**< SLUICE_ABI_MAJOR */
    uint32_t abi_minor;   /**< SLUICE_ABI_MINOR */
    uint32_t struct_size; /**< sizeof(sluice_plugin) */
    const char *name;     /**< as a producer's name; unique in the directory */
    const char *version;  /**< for people, e.g. "1.4.0"; may be NULL */
    const char *description; /**< one line for people; may be NULL */
    const sluice_producer *const *producers; /**< `producer_count` pointers, at least one */
    size_t producer_count;
    /** Frees what the generation holds, after its last close, or without one, also when the process ends: destructors and atexit(3) functions
        never run there. Handlers of `host->bind`, and a thread about to leave `host->closed`, may still run. May be NULL. [load-thread] [once] */
    void (*shutdown)(void);
} sluice_plugin;

/**
 * What the host offers. The struct and all it points to stay valid for ever. Calls that name a stream may come until its handle is stale:
 * when `close` returns SLUICE_CLOSED or `closed` is called, `open` returns END or REJECT or `opened` is called with one of them. Later ones
 * do nothing, answer false, NULL or SLUICE_EMIT_CLOSED, and are logged; but `is_cancelled` answers true, and `log` writes its line.
 */
typedef struct sluice_host {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *version; /**< of the host, for people */

    /** Writes one line to the server's log, with plugin, producer and stream named; of one producer's 1,000 a second. `stream` may be NULL. [any-thread] */
    void (*log)(const sluice_stream *stream, int32_t level, const char *message);

    /** `next` is worth calling again. Cheap; many calls become one; also before `open` has answered.           [any-thread] */
    void (*wake)(sluice_stream *stream);
    /** Sends an event without `next`; within `next`, before the one that it returns. Never blocks. The queue is bounded; SLUICE_EMIT_… says what happened. Not before `open` was called. [any-thread] */
    int32_t (*emit)(sluice_stream *stream, const sluice_event *event);

    /** Sleeps; true when the time is over or the stream was woken, false at once when the stream must end. Only for producers
        without SLUICE_NONBLOCKING (with it: returns at once, and is logged).                                [stream-thread] */
    bool (*sleep)(sluice_stream *stream, int64_t milliseconds);
    /** True when the stream must end: a blocking function should return soon. Also once it is over.           [any-thread] */
    bool (*is_cancelled)(const sluice_stream *stream);

    /* The request, to be read from the call of `open` to its answer; NULL when there is no such thing. The pointers are valid until that answer. [any-thread] */
    /** A parameter as text, defaults included ("1.0", "true"). */
    const char *(*parameter)(const sluice_stream *stream, const char *name);
    /** The first value of that name in the query, percent-decoded. */
    const char *(*query)(const sluice_stream *stream, const char *name);
    /** A request header, the name in any case; several of one name are joined with ", ". */
    const char *(*header)(const sluice_stream *stream, const char *name);
    /** The request's path as sent, without query. */
    const char *(*path)(const sluice_stream *stream);
    const char *(*method)(const sluice_stream *stream);
    /** The peer's address without port, e.g. "192.0.2.7" or "2001:db8::7". */
    const char *(*remote_address)(const sluice_stream *stream);
    /** The id that a returning subscriber saw last, from Last-Event-ID, or from last_event_id or lastEventId in the query. */
    const char *(*last_event_id)(const sluice_stream *stream);
    /** The body of a POST; its length in bytes goes to `*length`. */
    const void *(*body)(const sluice_stream *stream, size_t *length);
    /** The value of a key in the operator's configuration for this producer. */
    const char *(*config)(const sluice_stream *stream, const char *key);

    /** The status (400 to 599) and message of a refused open; before SLUICE_OPEN_REJECT is answered.           [any-thread] */
    void (*reject)(sluice_stream *stream, int32_t status, const char *message);
    /** What the subscriber is told when `next` answers SLUICE_NEXT_ERROR; before it does.                      [any-thread] */
    void (*fail)(sluice_stream *stream, const char *message);
    /** Sets a header of the response, until `open` answers: of the stream (of all subscribers' with SLUICE_SHARED), of the 204, or of the refusal, e.g. Retry-After.
        The same name again replaces the value; only WWW-Authenticate and Set-Cookie are added. HEAD calls no `open`, so its answer has none. At most 32, values of at
        most 4096 bytes. False (and logged) for more, for what HTTP forbids, for values beyond ASCII, and for what the server decides: Cache-Control, Connection,
        Content-Encoding, -Length and -Type, Date, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade, X-Accel-Buffering, X-Content-Type-Options. [any-thread] */
    bool (*set_header)(sluice_stream *stream, const char *name, const char *value);

    /** Answers an open that was SLUICE_OPEN_PENDING: SLUICE_OPEN_OK, _END or _REJECT. Exactly once. Behind OK, `next` and `close` may run before it returns.
        END and REJECT wait until no `interrupt` and no scheduled function of the stream runs on another thread; none begins behind them: free the state
        then, not before. So hold no lock that these take. From inside one of them they do not wait for that one, which touches it no more. [any-thread] */
    void (*opened)(sluice_stream *stream, int32_t status);
    /** Completes a close that answered SLUICE_CLOSING. Exactly once; it may come before that close returns. Waits as a refusal does. [any-thread] */
    void (*closed)(sluice_stream *stream);

    /** Runs `function(context)` where the stream lives, `after_ns` nanoseconds from now, never overlapping the stream's own functions. Calls with
        the same time run in the order of their scheduling. True: it will run, unless the handle is stale before: then it never does, and `context`
        stays the plugin's to free. False: the handle is stale, or 10,000 of the stream's calls (max-scheduled-calls) have not run. [any-thread] */
    bool (*schedule)(sluice_stream *stream, int64_t after_ns, void (*function)(void *context), void *context);

    /** In `open`: what the generation before handed to `save` for this stream, or NULL. Valid until open answers. [any-thread] */
    const void *(*saved)(const sluice_stream *stream, size_t *length);
    /** Only inside `save`: keeps a copy of the bytes for the next generation, in place of those of a call before. False when there are more than 1 MiB. [any-thread] */
    bool (*save)(sluice_stream *stream, const void *bytes, size_t length);

    /**
     * A C function of the given signature, e.g. "(str, f64) -> void": calling it calls `handler(context, …its arguments…)`, and hands its
     * result back. For libraries whose callbacks carry no user data. "-> void" may be left out.
     *
     * Types: bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64, as in C `bool`, `int8_t` … `double`; str (`const char *`, may be NULL) and
     * ptr (any other pointer). At most 64 arguments. `handler` is cast to sluice_function, and really is of the type
     * `R (void *context, P1, P2, …)`.
     *
     * The function may be called from any thread, at any time, also within `open`, `next`, `close` and itself. It belongs to the stream:
     * once the stream is over (open has refused, close has answered SLUICE_CLOSED, or `closed`), a call does nothing,
     * returns zero, and is counted and logged. It is never freed, so a library may keep it; but when it has not been called for a minute
     * after the end of its stream, it may be given out again, for the same producer and signature. A handler that is running
     * on another thread while the stream ends goes on, and nothing waits for it: `context` must be valid until it has returned.
     *
     * NULL, and a line in the log, for a signature that cannot be read, without handler, for a stream that is over, where the system
     * refuses executable memory, and when 65536 functions exist that cannot be given out again yet.            [any-thread]
     */
    sluice_function (*bind)(sluice_stream *stream, const char *signature, sluice_function handler, void *context);
    /**
     * A C function each call of which becomes an event, without a handler: "op: i32, _: ptr, table: str, rowid: i64" makes
     * {"op":18,"table":"users","rowid":7} of a call. Types, threads, lifetime and failure as with `bind`.
     *
     * - `_` leaves an argument out. Text that is not UTF-8 is repaired (U+FFFD), NULL is null, a ptr is "0x7f…", numbers that are not finite are
     *   null; 64-bit numbers keep all of their digits, of which JavaScript rounds those beyond 2^53.
     * - An argument named `@type` or `@id` becomes the event's type or id: as text in which line ends are blanks, and not at all where it is NULL,
     *   not finite, or as an id longer than 1024 bytes or the host's own "sluice-end".
     * - Behind the arguments may follow "-> R", a result that is always zero, and options: "; full=drop-oldest, type=row". `type` is that of all its
     *   events. `full` says what happens to an event when the stream's queue, that of `emit`, has no room: drop-newest (it is not sent, the default),
     *   drop-oldest (it is, and older ones are not), or fail (the stream ends, reason SLUICE_CLOSE_FAILED). What is dropped is counted and logged.
     *   What is called while a reload hands the stream over comes before the new generation's first event; where that one was told a place before it
     *   (an id, `save`), and so makes it again, it is dropped. [any-thread]
     */
    sluice_function (*callback)(sluice_stream *stream, const char *signature);

    /** What the plugin declared for the producer that the stream is of: the very pointer. For language bindings, whose
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
 * The one symbol that a plugin exports. Called once per generation, before anything else; should do no more than keep `host`
 * and return what the plugin declares. NULL refuses to be loaded; say why through `host->log(NULL, …)`. [load-thread] [once]
 *
 * Before that it is called in the probe: another process, with SLUICE_PROBE=1 in its environment, a few seconds and limited memory.
 * It must declare the same there. Nothing else of the plugin is called in a probe, `shutdown` neither.
 */
SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host);

/* -------------------------------------------------------------------------------------------------------- Conveniences */

/** An `open` of any parameters, as a member of sluice_producer. */
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
 * The common plugin in one declaration: defines the entry, which keeps the host in the variable `host_variable`.
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
