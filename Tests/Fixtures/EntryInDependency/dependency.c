/* The entry of another plugin. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "dependency"};
SLUICE_PLUGIN(host, "dependency", NULL, NULL, &producer)
