/* A signature that does not parse. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .parameters = "symbol: strr"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
