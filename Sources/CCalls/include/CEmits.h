/*
 * Notes whether a `next` has emitted events, on the thread that called it: they come before the event that it returns.
 */
#ifndef SLUICE_CEMITS_H
#define SLUICE_CEMITS_H
#include <stdbool.h>
#include <stdint.h>

/** The stream whose producer the calling thread is asking for events; 0: none. */
extern _Thread_local uint64_t sluice_asked_stream __attribute__((tls_model("initial-exec")));
/** Whether an event was emitted for that stream since then. */
extern _Thread_local bool sluice_has_emitted __attribute__((tls_model("initial-exec")));

/** Notes that the calling thread is about to ask this stream's producer for events or, with 0, that it has asked. */
static inline void sluice_ask_stream(uint64_t stream)
{
    sluice_asked_stream = stream;
    sluice_has_emitted = false;
}

/** Notes that an emitted event was accepted for this stream. */
static inline void sluice_note_emit(uint64_t stream)
{
    if (sluice_asked_stream == stream) sluice_has_emitted = true;
}

/** @return whether the stream has emitted since its producer was asked, or since the last call of this function. */
static inline bool sluice_take_emit(void)
{
    if (!sluice_has_emitted) return false;
    sluice_has_emitted = false;
    return true;
}
#endif
