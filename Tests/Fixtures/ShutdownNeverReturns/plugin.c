/* Its shutdown never returns. */
#include "../minimal.h"
#include <unistd.h>

static void shut_down(void)
{
    for (;;)
        pause();
}

MINIMAL_PLUGIN_WITH_SHUTDOWN("shutdown-never-returns", shut_down)
