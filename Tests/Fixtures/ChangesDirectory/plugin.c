/* Its constructor changes the working directory, and so does each `open`; the event contains the previous one. */
#include "../ledger.h"

__attribute__((constructor)) static void go_away(void)
{
    if (chdir("/") != 0)
        abort();
}

static int32_t open_stream(struct stream *stream)
{
    if (getcwd(stream->text, sizeof stream->text) == NULL || chdir("/proc") != 0)
        abort();
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = stream->text;
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "changes-directory", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
