/* Its constructor reads unmapped memory. */
#include "../minimal.h"

__attribute__((constructor)) static void crash(void)
{
    volatile int *nowhere = NULL;
    (void)*nowhere;
}

MINIMAL_PLUGIN("crashes-in-constructor")
