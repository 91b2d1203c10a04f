/* Asks for a shared stream, and for a body, which a stream of nobody does not have. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .flags = SLUICE_SHARED | SLUICE_BODY};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
