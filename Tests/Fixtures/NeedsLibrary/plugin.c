/* Is linked with a library, and uses a function of it. */
#include "../minimal.h"

int dependency_number(void);

__attribute__((constructor)) static void call(void)
{
    (void)dependency_number();
}

MINIMAL_PLUGIN("needs-library")
