/* A description in Latin-1. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .description = "caf\xe9"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
