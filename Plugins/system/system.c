/*
 * system: the state of the machine: CPU, memory, load and network, as one JSON object every `interval` seconds.
 *
 * What it teaches: a non-blocking producer that creates its events from files. Reading /proc takes some tens of microseconds and
 * never waits, so it can be done on the host's loop; the host waits between two events. Also: a directory that the operator can
 * configure (and a test does), and data that is allocated for each event, which the host has read by the time of the next call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sluice.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "sample.h"

static const sluice_host *host;

struct system {
    sluice_stream *stream;
    int64_t interval_ms;
    int proc;   /* a directory */
    char *json; /* lent to the host until the next call; NULL before the first event */
    size_t latest;
    struct sample samples[2]; /* the latest, and the one before it */
};

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

static int32_t system_open(sluice_stream *stream, void **state, double interval)
{
    const char *place = host->config(stream, "proc");
    int proc = open(place != NULL ? place : "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) {
        char message[256];
        snprintf(message, sizeof message, "\"proc\" cannot be opened: %s", strerror(errno));
        host->log(stream, SLUICE_LOG_ERROR, message);
        return refuse(stream, 500, "the machine's state cannot be read");
    }
    struct system *system = calloc(1, sizeof *system);
    if (system == NULL) {
        close(proc);
        return refuse(stream, 503, "out of memory");
    }
    system->stream = stream;
    system->interval_ms = (int64_t)(interval * 1000);
    system->proc = proc;
    *state = system;
    return SLUICE_OPEN_OK;
}

static int32_t system_next(void *state, sluice_event *event)
{
    struct system *system = state;
    const struct sample *before = system->json != NULL ? &system->samples[system->latest] : NULL;
    system->latest = 1 - system->latest;
    struct sample *now = &system->samples[system->latest];
    sample_take(now, system->proc);

    free(system->json);
    system->json = NULL;
    FILE *out = open_memstream(&system->json, &event->data_length);
    if (out != NULL)
        report_write(out, before, now);
    if (out == NULL || fclose(out) != 0) {
        host->fail(system->stream, "out of memory");
        return SLUICE_NEXT_ERROR;
    }
    event->data = system->json;
    event->wait_ms = system->interval_ms;
    return SLUICE_NEXT_EVENT;
}

static int32_t system_close(void *state, int32_t reason)
{
    (void)reason;
    struct system *system = state;
    close(system->proc);
    free(system->json);
    free(system);
    return SLUICE_CLOSED;
}

static const sluice_producer system_producer = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_NONBLOCKING | SLUICE_SHARED,
    .name = "system",
    .description = "CPU, memory, load and network of this machine",
    .parameters = "interval: f64 in 0.1...86400 = 1.0",
    .open = SLUICE_OPEN(system_open),
    .next = system_next,
    .close = system_close,
};

SLUICE_PLUGIN(host, "system", "1.0.0", "Reports the state of the machine", &system_producer)
