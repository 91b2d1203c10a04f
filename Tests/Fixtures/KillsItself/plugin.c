/* Its constructor ends the process with a signal that can't be caught. */
#include "../minimal.h"
#include <signal.h>

__attribute__((constructor)) static void end(void)
{
    raise(SIGKILL);
}

MINIMAL_PLUGIN("kills-itself")
