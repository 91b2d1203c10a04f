/* A plugin without producers. */
#include "../minimal.h"

static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR, .struct_size = sizeof plugin,
    .name = "no-producers",
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    (void)given;
    return &plugin;
}
