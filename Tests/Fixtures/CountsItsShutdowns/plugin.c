/* Tells through the log, without naming a stream, that it was shut down. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "shuts-down"};
static const sluice_producer *const producers[] = {&producer};

static void shut_down(void)
{
    host->log(NULL, SLUICE_LOG_INFO, "shutting down");
}

static const sluice_plugin plugin = {
    .magic = SLUICE_MAGIC, .abi_major = SLUICE_ABI_MAJOR, .abi_minor = SLUICE_ABI_MINOR, .struct_size = sizeof plugin,
    .name = "shuts-down", .producers = producers, .producer_count = 1, .shutdown = shut_down,
};

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *given)
{
    host = given;
    return &plugin;
}
