/* minimal.h: a producer that opens, ends at once and closes, for fixtures that test declarations. */
#ifndef MINIMAL_H
#define MINIMAL_H

#include <sluice.h>

SLUICE_MAYBE_UNUSED static const sluice_host *host;

SLUICE_MAYBE_UNUSED static int32_t minimal_open(sluice_stream *stream, void **state)
{
    (void)stream;
    (void)state;
    return SLUICE_OPEN_OK;
}

SLUICE_MAYBE_UNUSED static int32_t minimal_next(void *state, sluice_event *event)
{
    (void)state;
    (void)event;
    return SLUICE_NEXT_END;
}

SLUICE_MAYBE_UNUSED static int32_t minimal_close(void *state, int32_t reason)
{
    (void)state;
    (void)reason;
    return SLUICE_CLOSED;
}

/* The members that every producer needs; others can follow. */
#define MINIMAL                                                                                             \
    .struct_size = sizeof(sluice_producer), .open = SLUICE_OPEN(minimal_open), .next = minimal_next, \
    .close = minimal_close

/* A plugin with correct declarations and one such producer. */
#define MINIMAL_PLUGIN(plugin_name)                                                        \
    static const sluice_producer minimal_producer = {MINIMAL, .name = plugin_name};        \
    SLUICE_PLUGIN(host, plugin_name, "1.0.0", "Opens, and ends", &minimal_producer)

/* The same with a shutdown function. */
#define MINIMAL_PLUGIN_WITH_SHUTDOWN(plugin_name, function)                                                          \
    static const sluice_producer minimal_producer = {MINIMAL, .name = plugin_name};                                  \
    static const sluice_producer *const minimal_producers[] = {&minimal_producer};                                   \
    static const sluice_plugin minimal_plugin = {                                                                    \
        .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR,                         \
        .struct_size = sizeof(sluice_plugin), .name = plugin_name, .producers = minimal_producers,                   \
        .producer_count = 1, .shutdown = function};                                                                  \
    SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)                                 \
    {                                                                                                                \
        host = given;                                                                                                \
        return &minimal_plugin;                                                                                      \
    }

#endif
