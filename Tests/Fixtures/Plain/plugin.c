/* Correct: a plugin that loads, and whose stream sends "1", "2" and "3", and ends. */
#include <sluice.h>
#include <stdlib.h>

static const sluice_host *host;

struct counter {
    char text[2];
};

static int32_t plain_open(sluice_stream *stream, void **state)
{
    (void)stream;
    struct counter *counter = calloc(1, sizeof *counter);
    counter->text[0] = '0';
    *state = counter;
    return SLUICE_OPEN_OK;
}

static int32_t plain_next(void *state, sluice_event *event)
{
    struct counter *counter = state;
    if (counter->text[0] == '3') {
        return SLUICE_NEXT_END;
    }
    counter->text[0]++;
    event->data = counter->text;
    return SLUICE_NEXT_EVENT;
}

static int32_t plain_close(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer plain = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING,
    .name = "plain",
    .open = SLUICE_OPEN(plain_open),
    .next = plain_next,
    .close = plain_close,
};

SLUICE_PLUGIN(host, "plain", "1.0.0", "Counts to three", &plain)
