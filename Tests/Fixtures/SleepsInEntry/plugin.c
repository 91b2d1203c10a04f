/* Its entry never returns, and ignores SIGTERM. */
#include "../minimal.h"
#include <signal.h>
#include <unistd.h>

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host)
{
    (void)host;
    signal(SIGTERM, SIG_IGN);
    for (;;)
        sleep(3600);
}
