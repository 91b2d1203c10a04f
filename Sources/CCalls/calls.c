#include "CCalls.h"

#include <stdlib.h>
#include <string.h>

_Thread_local struct sluice_call_record sluice_own_call_record;

/* Every record that was made, newest first. The list keeps them reachable, so that leak checkers do not report them. */
struct kept_callee {
    struct kept_callee *next;
    struct sluice_callee callee;
    char names[];
};
static struct kept_callee *_Atomic kept_callees;

const struct sluice_callee *sluice_callee_make(const char *plugin, const char *producer, uint64_t generation)
{
    size_t length = strlen(plugin) + 1;
    struct kept_callee *kept = malloc(sizeof *kept + length + (producer ? strlen(producer) + 1 : 0));
    if (!kept) abort();
    kept->callee.plugin = strcpy(kept->names, plugin);
    kept->callee.producer = producer ? strcpy(kept->names + length, producer) : NULL;
    kept->callee.generation = generation;
    kept->next = atomic_load_explicit(&kept_callees, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &kept_callees, &kept->next, kept, memory_order_release, memory_order_relaxed))
        continue;
    return &kept->callee;
}

const char *sluice_function_name(enum sluice_function function)
{
    switch (function) {
    case sluice_function_open: return "open";
    case sluice_function_next: return "next";
    case sluice_function_close: return "close";
    case sluice_function_interrupt: return "interrupt";
    case sluice_function_save: return "save";
    case sluice_function_scheduled: return "a scheduled function";
    case sluice_function_load: return "its constructors";
    case sluice_function_entry: return "sluice_plugin_entry";
    case sluice_function_shutdown: return "shutdown";
    }
    return "?";
}
