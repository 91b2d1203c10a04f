/* Its shutdown ends the process. */
#include "../minimal.h"
#include <stdlib.h>

static void shut_down(void)
{
    exit(3);
}

MINIMAL_PLUGIN_WITH_SHUTDOWN("exits-in-shutdown", shut_down)
