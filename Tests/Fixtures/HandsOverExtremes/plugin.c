/*
 * Passes the greatest and the least number wherever the host accepts one; with SLEEPS, to `sleep` instead of as waiting
 * times.
 */
#include "../ledger.h"

#ifdef SLEEPS

static int32_t next(struct stream *stream, sluice_event *event)
{
    switch (stream->steps++) {
    case 0:
        event->data = host->sleep(stream->handle, INT64_MIN) && host->sleep(stream->handle, 0) ? "slept" : "over";
        event->wait_ms = 0;
        return SLUICE_NEXT_EVENT;
    default: /* until the subscriber disconnects */
        ledger_write(stream, "note slept %d", host->sleep(stream->handle, INT64_MAX));
        return SLUICE_NEXT_END;
    }
}

FIXTURE(.name = "hands-over-extremes", .next = next)

#else

static void wake(void *state)
{
    host->wake(((struct stream *)state)->handle);
}

static void never(void *state)
{
    ledger_write(state, "note called-too-early");
}

static int32_t next(struct stream *stream, sluice_event *event)
{
    static const int64_t waits[] = {INT64_MAX, INT64_MAX / 1000000, INT64_MAX / 1000000 + 1};
    if (stream->steps == sizeof waits / sizeof waits[0])
        return SLUICE_NEXT_END;
    for (int64_t less = 0; less < 3; less++)
        host->schedule(stream->handle, INT64_MAX - less * (INT64_MAX / 4), never, stream);
    host->schedule(stream->handle, INT64_MIN, wake, stream);
    event->wait_ms = waits[stream->steps++];
    event->retry_ms = INT64_MAX;
    event->data = "x";
    return SLUICE_NEXT_EVENT;
}

FIXTURE(.name = "hands-over-extremes", .flags = SLUICE_NONBLOCKING, .next = next)

#endif
