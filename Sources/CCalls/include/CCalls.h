/*
 * Which call into a plugin each thread is in: for the last line of a server that crashes in one, and for the search for
 * calls that do not return. A call costs a few stores to the thread's own memory. There is no lock, so that a signal
 * handler can read it.
 */
#ifndef SLUICE_CCALLS_H
#define SLUICE_CCALLS_H
#include "CEmits.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#define SLUICE_CLOSED_ENUM __attribute__((enum_extensibility(closed)))
#else
#define SLUICE_CLOSED_ENUM
#endif

/** Which function of a plugin is called. */
enum SLUICE_CLOSED_ENUM sluice_function {
    sluice_function_open,
    sluice_function_next,
    sluice_function_close,
    sluice_function_interrupt,
    sluice_function_save,
    sluice_function_scheduled, /**< the function given to `schedule` */
    sluice_function_load,      /**< constructors */
    sluice_function_entry,
    sluice_function_shutdown,
};

/** Its name in messages. */
const char *_Nonnull sluice_function_name(enum sluice_function function);

/** The plugin or producer that is called. It and its texts are never freed: a reader of a record may be late. */
struct sluice_callee {
    const char *_Nonnull plugin;
    const char *_Nullable producer; /**< NULL: the plugin itself */
    uint64_t generation;            /**< 0: none yet */
};

/** Copies the texts. Ends the process if there is no memory. */
const struct sluice_callee *_Nonnull sluice_callee_make(
    const char *_Nonnull plugin, const char *_Nullable producer, uint64_t generation);

/** The call that one thread is in. Only that thread writes it. Each member is stored with release order and loaded
    with acquire order: a reader that finds the same odd serial number before and after has read a single call. */
struct sluice_call_record {
    /** Odd while a call runs. Changes with each call, and with each return to an outer one. */
    _Atomic(uint64_t) serial;
    _Atomic(uintptr_t) callee;
    _Atomic(uint64_t) stream;
    _Atomic(uint32_t) function;
};

/** A call that was read from a record, or the outer call while an inner one runs. */
struct sluice_call {
    /** NULL: none. */
    const struct sluice_callee *_Nullable callee;
    /** A token; 0: the call is not for a stream. */
    uint64_t stream;
    enum sluice_function function;
    uint64_t serial;
};

/** The calling thread's record. It is always in the executable itself, so that a signal handler can read it. */
extern _Thread_local struct sluice_call_record sluice_own_call_record __attribute__((tls_model("initial-exec")));

/** The record of the calling thread. Other threads can read it as long as this one lives. */
static inline struct sluice_call_record *_Nonnull sluice_call_record_here(void)
{
    return &sluice_own_call_record;
}

/** Reads the call of a record. For any thread and for signal handlers. Always sets the serial number.
    @return false if no call runs, or the thread is about to begin or end one. */
static inline bool sluice_call_read(const struct sluice_call_record *_Nonnull record, struct sluice_call *_Nonnull call)
{
    call->serial = atomic_load_explicit(&record->serial, memory_order_acquire);
    call->callee = (const struct sluice_callee *)atomic_load_explicit(&record->callee, memory_order_acquire);
    call->stream = atomic_load_explicit(&record->stream, memory_order_acquire);
    call->function = (enum sluice_function)atomic_load_explicit(&record->function, memory_order_acquire);
    return call->serial % 2 == 1 && call->serial == atomic_load_explicit(&record->serial, memory_order_acquire);
}

static inline void sluice_call_set(struct sluice_call_record *_Nonnull record, const struct sluice_callee *_Nullable callee,
    enum sluice_function function, uint64_t stream)
{
    atomic_store_explicit(&record->callee, (uintptr_t)callee, memory_order_release);
    atomic_store_explicit(&record->stream, stream, memory_order_release);
    atomic_store_explicit(&record->function, (uint32_t)function, memory_order_release);
}

/** The calling thread is about to call a plugin's function.
    @return the call that it is already in, for `sluice_call_end`. */
static inline struct sluice_call sluice_call_begin(
    const struct sluice_callee *_Nonnull callee, enum sluice_function function, uint64_t stream)
{
    struct sluice_call_record *record = sluice_call_record_here();
    struct sluice_call outer = {NULL, 0, sluice_function_open, 0};
    uint64_t serial = atomic_load_explicit(&record->serial, memory_order_relaxed);
    if (serial % 2 == 1) {
        sluice_call_read(record, &outer);
        // The serial number is even while the members change.
        atomic_store_explicit(&record->serial, ++serial, memory_order_release);
    }
    sluice_call_set(record, callee, function, stream);
    atomic_store_explicit(&record->serial, serial + 1, memory_order_release);
    return outer;
}

/** The function has returned. */
static inline void sluice_call_end(struct sluice_call outer)
{
    struct sluice_call_record *record = sluice_call_record_here();
    uint64_t serial = atomic_load_explicit(&record->serial, memory_order_relaxed);
    atomic_store_explicit(&record->serial, serial + 1, memory_order_release);
    if (outer.callee == NULL) return;
    sluice_call_set(record, outer.callee, outer.function, outer.stream);
    atomic_store_explicit(&record->serial, serial + 2, memory_order_release);
}
#endif
