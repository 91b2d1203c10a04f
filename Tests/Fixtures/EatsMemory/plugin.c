/* Its constructor takes all the memory that there is, and uses what it then no longer gets. */
#include "../minimal.h"
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void eat(void)
{
    for (;;)
        memset(malloc(1 << 20), 1, 1 << 20);
}

MINIMAL_PLUGIN("eats-memory")
