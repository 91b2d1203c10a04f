/* Its constructor closes all descriptors, as daemons do when they start. */
#include "../minimal.h"
#include <unistd.h>

__attribute__((constructor)) static void close_all(void)
{
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        close(descriptor);
}

MINIMAL_PLUGIN("closes-descriptors")
