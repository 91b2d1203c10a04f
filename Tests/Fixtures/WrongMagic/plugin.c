/* The first word is not SLUICE_MAGIC: another library with an entry of this name. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "wrong-magic"};
static const sluice_producer *const producers[] = {&producer};
static const sluice_plugin plugin = {
    .magic = 0x474c5546u, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR, .struct_size = sizeof plugin,
    .name = "wrong-magic", .producers = producers, .producer_count = 1,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    (void)given;
    return &plugin;
}
