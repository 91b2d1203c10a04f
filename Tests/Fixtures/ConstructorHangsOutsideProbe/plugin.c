/* Its constructor never returns in a server; in the probe it does. */
#include "../minimal.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void)
{
    while (getenv("SLUICE_PROBE") == NULL)
        pause();
}

MINIMAL_PLUGIN("constructor-hangs")
