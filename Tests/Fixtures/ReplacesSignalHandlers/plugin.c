/* Its constructor ignores SIGTERM and SIGCHLD; each `open` ignores all signals that a server handles, and
   removes its crash handlers. */
#include <signal.h>

#include "../ledger.h"

__attribute__((constructor)) static void ignore(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
}

static int32_t open_stream(struct stream *stream)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    (void)stream;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        signal(numbers[i], SIG_IGN);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGABRT, SIG_IGN);
    return SLUICE_OPEN_OK;
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    if (stream->steps++ > 0)
        return SLUICE_NEXT_WAIT;
    event->data = "ignored";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "replaces-signal-handlers", .flags = SLUICE_NONBLOCKING, .open = open_stream, .next = next)
