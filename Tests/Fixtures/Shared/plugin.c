/* Asks for a shared stream. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .flags = SLUICE_SHARED};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
