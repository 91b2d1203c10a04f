/* Its constructor allocates all memory, and then uses an allocation that has failed. */
#include "../minimal.h"
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void eat(void)
{
    for (;;)
        memset(malloc(1 << 20), 1, 1 << 20);
}

MINIMAL_PLUGIN("eats-memory")
