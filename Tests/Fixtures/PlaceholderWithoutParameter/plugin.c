/* A placeholder without a parameter. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .route = "/ticker/{symbol}"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
