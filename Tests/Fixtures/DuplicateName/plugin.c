/* Two producers with the same name. */
#include "../minimal.h"

static const sluice_producer first = {MINIMAL, .name = "twin", .route = "/a"};
static const sluice_producer second = {MINIMAL, .name = "twin", .route = "/b"};
SLUICE_PLUGIN(host, "duplicate-name", NULL, NULL, &first, &second)
