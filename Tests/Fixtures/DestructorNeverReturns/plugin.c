/* Its destructor never returns. */
#include "../minimal.h"
#include <stdlib.h>
#include <unistd.h>

__attribute__((destructor)) static void hang(void)
{
    while (getenv("SLUICE_PROBE") == NULL)
        pause();
}

MINIMAL_PLUGIN("destructor-never-returns")
