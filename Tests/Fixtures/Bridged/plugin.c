/* Answers `open` and `close` as defined; the test binds its functions. */
#include "../minimal.h"

#ifndef NAME
#define NAME "bridged"
#endif

static int32_t open_stream(sluice_stream *stream, void **state, int32_t opens, int32_t closes)
{
    (void)stream;
    *state = (void *)(intptr_t)closes;
    return opens;
}

static int32_t close_stream(void *state, int32_t reason)
{
    (void)reason;
    return (int32_t)(intptr_t)state;
}

static const sluice_producer producer = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = NAME,
    .parameters = "opens: i32 = 0, closes: i32 = 0",
    .open = SLUICE_OPEN(open_stream),
    .next = minimal_next,
    .close = close_stream,
};

SLUICE_PLUGIN(host, NAME, "1.0.0", NULL, &producer)
