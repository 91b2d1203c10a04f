/* Its entry returns in the probe, but never in a server. */
#include "../minimal.h"
#include <stdlib.h>
#include <unistd.h>

static const sluice_producer producer = {MINIMAL, .name = "entry-hangs"};
static const sluice_producer *const producers[] = {&producer};
static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR, .struct_size = sizeof plugin,
    .name = "entry-hangs", .producers = producers, .producer_count = 1,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    host = given;
    while (getenv("SLUICE_PROBE") == NULL)
        pause();
    return &plugin;
}
