/* One pointer in the array is NULL. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer, NULL)
