/* Nothing is wrong: a plugin that declares what the test wants (-DPLUGIN, -DROUTE), to be set beside another. */
#include "../minimal.h"

#ifndef PLUGIN
#define PLUGIN "declared"
#endif
#ifndef ROUTE
#define ROUTE NULL
#endif

static const sluice_producer producer = {MINIMAL, .name = "declared", .route = ROUTE, .parameters = "a: str?, b: str?"};
SLUICE_PLUGIN(host, PLUGIN, "1.2.3", "As the test wants it", &producer)
