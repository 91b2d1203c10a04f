/* A producer without `close`. */
#include "../minimal.h"

static const sluice_producer producer = {
    .struct_size = sizeof(sluice_producer), .name = "defect", .open = SLUICE_OPEN(minimal_open), .next = minimal_next,
};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
