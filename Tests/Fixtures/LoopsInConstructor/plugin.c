/* Its constructor runs an endless loop. */
#include "../minimal.h"

__attribute__((constructor)) static void loop(void)
{
    for (volatile int turn = 0;; turn++)
        ;
}

MINIMAL_PLUGIN("loops-in-constructor")
