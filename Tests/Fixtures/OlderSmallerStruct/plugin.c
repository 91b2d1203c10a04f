/*
 * Loads, like a plugin built with an older sluice.h, whose structs had fewer members. The memory after the smaller
 * structs contains invalid pointers: a host that reads too much would call them.
 */
#include "../minimal.h"

struct older_producer {
    uint32_t struct_size, flags;
    const char *name, *route, *description, *parameters;
    sluice_function open;
    int32_t (*next)(void *, sluice_event *);
    int32_t (*close)(void *, int32_t);
    uint64_t poison[2]; /* interrupt, save */
};

struct older_plugin {
    uint32_t magic, abi_major, abi_minor, struct_size;
    const char *name, *version, *description;
    const sluice_producer *const *producers;
    size_t producer_count;
    uint64_t poison; /* shutdown */
};

#define POISON 0xdeaddeaddeaddeadu

static const struct older_producer producer = {
    .struct_size = offsetof(struct older_producer, poison),
    .name = "older", .open = SLUICE_OPEN(minimal_open), .next = minimal_next, .close = minimal_close,
    .poison = {POISON, POISON},
};
static const sluice_producer *const producers[] = {(const sluice_producer *)(const void *)&producer};
static const struct older_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = 0,
    .struct_size = offsetof(struct older_plugin, poison),
    .name = "older", .producers = producers, .producer_count = 1, .poison = POISON,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    (void)given;
    return (const sluice_plugin *)(const void *)&plugin;
}
