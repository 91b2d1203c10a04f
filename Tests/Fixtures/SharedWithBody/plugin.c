/* Declares a shared stream with a body, which is impossible: a shared stream has no request. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .flags = SLUICE_SHARED | SLUICE_BODY};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
