/* A producer without struct_size. */
#include "../minimal.h"

static const sluice_producer producer = {
    .name = "sizeless", .open = SLUICE_OPEN(minimal_open), .next = minimal_next, .close = minimal_close,
};
SLUICE_PLUGIN(host, "struct-too-small", NULL, NULL, &producer)
