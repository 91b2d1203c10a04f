/* `next` blocks in the kernel until `interrupt` writes into its pipe. */
#include "../ledger.h"

static int32_t open_stream(struct stream *stream)
{
    int *ends = malloc(2 * sizeof *ends);
    if (ends == NULL || pipe2(ends, O_CLOEXEC) != 0)
        abort();
    stream->memory = (char *)ends;
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ == 0) {
        event->data = "about to block";
        return SLUICE_NEXT_EVENT;
    }
    char token;
    while (read(((int *)(void *)stream->memory)[0], &token, 1) != 1)
        ;
    event->data = "too late";
    return SLUICE_NEXT_EVENT;
}

static void interrupt(struct stream *stream)
{
    if (write(((int *)(void *)stream->memory)[1], "i", 1) != 1)
        abort();
}

static int32_t close_stream(struct stream *stream, int32_t reason)
{
    (void)reason;
    int *ends = (int *)(void *)stream->memory;
    close(ends[0]);
    close(ends[1]);
    return SLUICE_CLOSED;
}

FIXTURE(.name = "blocks-until-interrupted", .open = open_stream, .next = next, .close = close_stream,
        .interrupt = interrupt)
