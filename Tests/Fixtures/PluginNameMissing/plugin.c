/* A plugin without a name. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect"};
SLUICE_PLUGIN(host, NULL, NULL, NULL, &producer)
