/* Its entry ends the process with a status. */
#include "../minimal.h"
#include <stdlib.h>

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host)
{
    (void)host;
    exit(3);
}
