/* Correct: a plugin with the declarations that a test defines (-DPLUGIN, -DROUTE), to be loaded beside another. */
#include "../minimal.h"

#ifndef PLUGIN
#define PLUGIN "declared"
#endif
#ifndef ROUTE
#define ROUTE NULL
#endif

static const sluice_producer producer = {MINIMAL, .name = "declared", .route = ROUTE, .parameters = "a: str?, b: str?"};
SLUICE_PLUGIN(host, PLUGIN, "1.2.3", "As the test wants it", &producer)
