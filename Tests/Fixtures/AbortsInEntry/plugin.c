/* Its entry aborts with a message, as an assertion does. */
#include "../minimal.h"
#include <stdio.h>
#include <stdlib.h>

SLUICE_EXPORT const sluice_plugin *sluice_plugin_entry(const sluice_host *host)
{
    (void)host;
    fprintf(stderr, "the licence\nhas expired\n");
    abort();
}
