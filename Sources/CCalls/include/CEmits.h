/*
 * Whether a `next` has emitted, on the thread that called it: what it has comes before the event that it returns.
 */
#ifndef SLUICE_CEMITS_H
#define SLUICE_CEMITS_H
#include <stdbool.h>
#include <stdint.h>

/** The stream whose producer the calling thread asks for events; 0: none. */
extern _Thread_local uint64_t sluice_asked_stream __attribute__((tls_model("initial-exec")));
/** It was given an event otherwise since then. */
extern _Thread_local bool sluice_has_emitted __attribute__((tls_model("initial-exec")));

/** The calling thread is about to ask this stream's producer, or, with 0, has asked. */
static inline void sluice_ask_stream(uint64_t stream)
{
    sluice_asked_stream = stream;
    sluice_has_emitted = false;
}

/** An event was taken for this stream. */
static inline void sluice_note_emit(uint64_t stream)
{
    if (sluice_asked_stream == stream) sluice_has_emitted = true;
}

/** @return whether there is one that was not taken yet. */
static inline bool sluice_take_emit(void)
{
    if (!sluice_has_emitted) return false;
    sluice_has_emitted = false;
    return true;
}
#endif
