/* settings: the operator's settings for commands, except the commands themselves. */
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
 * Parses the values in the configuration, which are NULL if they are not set. False for an invalid value: `*key` is
 * then its name, and `*fault` what was expected.
 */
bool settings_read(struct settings *settings, const char *restart, const char *restart_delay, const char *grace,
                   const char **key, const char **fault);

#endif
