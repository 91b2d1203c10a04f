/* Built for a newer minor version of the interface than the host's. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "newer-minor"};
static const sluice_producer *const producers[] = {&producer};
static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR + 1, .struct_size = sizeof plugin,
    .name = "newer-minor", .producers = producers, .producer_count = 1,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    (void)given;
    return &plugin;
}
