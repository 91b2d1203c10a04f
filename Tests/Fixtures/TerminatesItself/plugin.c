/* Its entry sends SIGTERM to the process. */
#include "../minimal.h"
#include <signal.h>

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host)
{
    (void)host;
    raise(SIGTERM);
    return NULL;
}
