/* Sends the time at which its image was loaded, repeatedly, to distinguish generations. */
#include "../ledger.h"

static int32_t next(struct stream *stream, sluice_event *event)
{
    event->data_length = (size_t)snprintf(stream->text, sizeof stream->text, "%lld", ledger_generation);
    event->data = stream->text;
    event->wait_ms = 20;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "tells-its-generation", .flags = SLUICE_NONBLOCKING, .quiet = true, .next = next)
