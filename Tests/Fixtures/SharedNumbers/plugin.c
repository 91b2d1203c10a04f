/*
 * Shared: a number every ?every= milliseconds (10), padded to ?bytes=, without an ID; ends at ?count=. With ?held=true
 * it begins after the gate.
 */
#include "../ledger.h"

#include <poll.h>

static int32_t open_stream(struct stream *stream)
{
    stream->ready = asked(stream, "every", 10);
    stream->bytes = asked(stream, "bytes", 0);
    if (strcmp(asked_text(stream->handle, "held"), "true") == 0)
        stream->text[0] = 'h';
    stream->memory = malloc((size_t)stream->bytes + 32);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    struct pollfd gate = {.fd = gate_file, .events = POLLIN};
    if (stream->text[0] == 'h') {
        event->wait_ms = 5;
        if (poll(&gate, 1, 0) != 1)
            return SLUICE_NEXT_WAIT;
        pass_gate();
        stream->text[0] = '\0';
    }
    if ((int64_t)stream->steps == stream->count)
        return SLUICE_NEXT_END;
    int length = sprintf(stream->memory, "%llu", (unsigned long long)++stream->steps);
    if (length < stream->bytes) {
        memset(stream->memory + length, ' ', (size_t)(stream->bytes - length));
        length = (int)stream->bytes;
    }
    event->data = stream->memory;
    event->data_length = (size_t)length;
    event->wait_ms = stream->ready;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "shared-numbers",
        .parameters = "tag: str = \"-\", every: i64 = 10, count: i64 = -1, bytes: i64 = 0, held: bool = false",
        .flags = SLUICE_NONBLOCKING | SLUICE_SHARED | SLUICE_PLAIN_OPEN, .quiet = true, .open = open_stream, .next = next)
