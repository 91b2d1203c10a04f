#include <sluice.h>

SLUICE_EXPORT int dependency_number(void);

int dependency_number(void)
{
    return 1;
}
