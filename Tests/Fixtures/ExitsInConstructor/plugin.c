/* Its constructor ends the process with status 0. */
#include "../minimal.h"
#include <stdlib.h>

__attribute__((constructor)) static void leave(void)
{
    exit(0);
}

MINIMAL_PLUGIN("exits-in-constructor")
