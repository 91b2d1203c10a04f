/* Its constructor returns in the probe, but never in a server. */
#include "../minimal.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void hang(void)
{
    while (getenv("SLUICE_PROBE") == NULL)
        pause();
}

MINIMAL_PLUGIN("constructor-hangs")
