/* A producer without `open`. */
#include "../minimal.h"

static const sluice_producer producer = {
    .struct_size = sizeof(sluice_producer), .name = "defect", .next = minimal_next, .close = minimal_close,
};
SLUICE_PLUGIN(host, "defect", NULL, NULL, &producer)
