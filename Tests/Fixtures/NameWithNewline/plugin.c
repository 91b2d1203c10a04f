/* A name with a newline, which would break the log. */
#include "../minimal.h"

static const sluice_producer producer = {MINIMAL, .name = "two\nlines"};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
