/* Its constructor writes text that resembles a probe's report, and control characters, which is allowed. */
#include "../minimal.h"
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void print(void)
{
    for (int line = 0; line < 200; line++) {
        printf("SLP1r%c%c%c%c rubbish %d\n", 1, 0, 0, 0, line);
        fprintf(stderr, "\033[2J\377\376 rubbish %d\n", line);
    }
    fflush(stdout);
}

MINIMAL_PLUGIN("prints-rubbish")
