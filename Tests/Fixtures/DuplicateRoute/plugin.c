/* Two producers on the same route, except for the names of their placeholders. */
#include "../minimal.h"

static const sluice_producer first = {MINIMAL, .name = "first", .route = "/x/{a}", .parameters = "a: str"};
static const sluice_producer second = {MINIMAL, .name = "second", .route = "/x/{b}", .parameters = "b: str"};
SLUICE_PLUGIN(host, "duplicate-route", NULL, NULL, &first, &second)
