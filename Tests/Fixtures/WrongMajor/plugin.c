/* Built for the next major version of the interface. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "wrong-major"};
static const sluice_producer *const producers[] = {&producer};
static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR + 1, .abi_minor = 0, .struct_size = sizeof plugin,
    .name = "wrong-major", .producers = producers, .producer_count = 1,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    (void)given;
    return &plugin;
}
