/* Its constructor starts a process that keeps running. */
#include "../minimal.h"
#include <unistd.h>

__attribute__((constructor)) static void start(void)
{
    if (fork() == 0)
        for (;;)
            pause();
}

MINIMAL_PLUGIN("leaves-child")
