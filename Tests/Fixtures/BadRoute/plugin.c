/* A route whose placeholder is part of a segment. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "defect", .route = "/ticker-{symbol}", .parameters = "symbol: str"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
