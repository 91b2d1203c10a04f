/* Logs that it was shut down, without naming a stream. */
#include "../minimal.h"

static void shut_down(void)
{
    host->log(NULL, SLUICE_LOG_INFO, "shutting down");
}

MINIMAL_PLUGIN_WITH_SHUTDOWN("shuts-down", shut_down)
