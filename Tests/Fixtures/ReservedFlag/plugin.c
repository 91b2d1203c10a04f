/* A flag that is unknown in this version. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .flags = 1u << 30};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
