/* The entry refuses to be loaded, with a reason. */
#include <sluice.h>

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host)
{
    host->log(NULL, SLUICE_LOG_ERROR, "no licence\nfound");
    return NULL;
}
