/* Calls an undefined function; with lazy binding, this call would end the host. */
#include "../minimal.h"

int32_t a_function_that_nobody_defines(void);

static int32_t next(void *state, sluice_event *event)
{
    (void)state;
    (void)event;
    return a_function_that_nobody_defines();
}

static const sluice_producer producer = {
    .struct_size = sizeof(sluice_producer), .name = "undefined", .open = SLUICE_OPEN(minimal_open), .next = next,
    .close = minimal_close,
};
SLUICE_PLUGIN(host, "undefined-symbol", NULL, NULL, &producer)
