/* Its atexit function crashes. */
#include "../minimal.h"
#include <stdlib.h>

static void crash(void)
{
    abort();
}

static void shut_down(void)
{
    atexit(crash);
}

MINIMAL_PLUGIN_WITH_SHUTDOWN("atexit-crashes", shut_down)
