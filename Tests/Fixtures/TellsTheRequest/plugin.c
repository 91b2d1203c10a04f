/* One event with what `open` received of the request, one line for each part; then waits. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    sluice_stream *handle = stream->handle;
    size_t body_length = 0;
    const char *body = host->body(handle, &body_length);
    char *text = NULL;
    const char *values[] = {
        host->method(handle), host->path(handle), host->last_event_id(handle), host->header(handle, "x-asked"),
        host->query(handle, "name"), host->remote_address(handle), host->config(handle, "colour"),
        host->header(handle, "cookie"),
    };
    const char *names[] = {"method", "path", "last-event-id", "x-asked", "name", "remote-address", "colour", "cookie"};
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        fprintf(out, "%s=%s\n", names[i], values[i] ? values[i] : "(none)");
    fprintf(out, "body=%.*s", body ? (int)body_length : 6, body ? body : "(none)");
    fclose(out);
    stream->memory = text;
    bool taken = host->set_header(handle, "X-Fixture", "seen");
    taken = taken && !host->set_header(handle, "Content-Type", "text/plain");
    taken = taken && !host->set_header(handle, "X-Bad", "a\r\nX-Injected: yes");
    return taken ? SLUICE_OPEN_OK : SLUICE_OPEN_END;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = stream->memory;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "tells-the-request", .flags = SLUICE_NONBLOCKING | SLUICE_BODY, .open = open_stream, .next = next)
