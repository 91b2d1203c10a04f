#include "settings.h"

#include <stdlib.h>
#include <string.h>

static bool read_seconds(const char *text, double least, int64_t *milliseconds)
{
    if (text == NULL)
        return true;
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= least && seconds <= 3600))
        return false;
    *milliseconds = (int64_t)(seconds * 1000);
    return true;
}

static bool read_restart(const char *text, enum restart *restart)
{
    static const char *const names[] = {"never", "on-failure", "always"};
    if (text == NULL)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *restart = (enum restart)i;
            return true;
        }
    }
    return false;
}

bool settings_read(struct settings *settings, const char *restart, const char *restart_delay, const char *grace,
                   const char **key, const char **fault)
{
    *settings = (struct settings){.restart = RESTART_NEVER, .restart_delay_ms = 1000, .grace_ms = 5000};
    if (!read_restart(restart, &settings->restart)) {
        *key = "restart";
        *fault = "expected never, on-failure or always";
    } else if (!read_seconds(restart_delay, 0.01, &settings->restart_delay_ms)) {
        *key = "restart-delay";
        *fault = "expected seconds, 0.01 to 3600";
    } else if (!read_seconds(grace, 0, &settings->grace_ms)) {
        *key = "grace";
        *fault = "expected seconds, 0 to 3600";
    } else {
        return true;
    }
    return false;
}
