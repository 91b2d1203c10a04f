/* One event with what `open` is told of who asks, "subject|claim role|claim scope" ("-": NULL); then the end. */
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>

static const sluice_host *host;

struct shown {
    bool is_sent;
    char text[1024];
};

static const char *text_or_dash(const char *text)
{
    return text == NULL ? "-" : text;
}

static int32_t open_stream(sluice_stream *stream, void **state)
{
    struct shown *shown = calloc(1, sizeof *shown);
    if (shown == NULL)
        return SLUICE_OPEN_REJECT;
    snprintf(shown->text, sizeof shown->text, "%s|%s|%s", text_or_dash(host->identity(stream)),
             text_or_dash(host->claim(stream, "role")), text_or_dash(host->claim(stream, "scope")));
    *state = shown;
    return SLUICE_OPEN_OK;
}

static int32_t next(void *state, sluice_event *event)
{
    struct shown *shown = state;
    if (shown->is_sent)
        return SLUICE_NEXT_END;
    shown->is_sent = true;
    event->data = shown->text;
    return SLUICE_NEXT_EVENT;
}

static int32_t close_stream(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

#define PRODUCER                                                                                    \
    .struct_size = sizeof(sluice_producer), .open = SLUICE_OPEN(open_stream), .next = next, .close = close_stream

static const sluice_producer exclusive = {PRODUCER, .name = "identity", .flags = SLUICE_NONBLOCKING};
static const sluice_producer shared = {
    PRODUCER, .name = "identity-shared", .flags = SLUICE_NONBLOCKING | SLUICE_SHARED,
};

SLUICE_PLUGIN(host, "shows-identity", "1.0.0", NULL, &exclusive, &shared)
