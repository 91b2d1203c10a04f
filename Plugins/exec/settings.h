/* settings: what the operator configures for commands, other than the commands themselves. */
#ifndef EXEC_SETTINGS_H
#define EXEC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct settings {
    enum restart restart;
    int64_t restart_delay_ms, grace_ms;
};

/**
 * Reads the texts of the configuration, NULL for what it does not say. False for one that makes no sense: `*key` is then the
 * name of it, and `*fault` what was expected.
 */
bool settings_read(struct settings *settings, const char *restart, const char *restart_delay, const char *grace,
                   const char **key, const char **fault);

#endif
