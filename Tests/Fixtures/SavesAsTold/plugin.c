/*
 * Saves what ?bytes= says: this many bytes, the first of them 'a' plus their number modulo 26; -1: nothing; -2: NULL
 * with a length; -3: twice. `next` sends the length and the first byte of what was passed to this stream, or "nothing";
 * and then the result of `save`.
 */
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The allowed values of ?bytes=. */
#ifndef RANGE
#define RANGE ""
#endif

static const sluice_host *host;

struct saving {
    sluice_stream *stream;
    int64_t bytes;
    char said[64];
};

static int32_t open_saving(sluice_stream *stream, void **state, int64_t bytes)
{
    struct saving *saving = calloc(1, sizeof *saving);
    if (saving == NULL)
        return SLUICE_OPEN_REJECT;
    size_t length = 0;
    const char *saved = host->saved(stream, &length);
    saving->stream = stream;
    saving->bytes = bytes;
    if (saved == NULL)
        strcpy(saving->said, "nothing");
    else
        snprintf(saving->said, sizeof saving->said, "%zu %c", length, length > 0 ? saved[0] : '-');
    *state = saving;
    return SLUICE_OPEN_OK;
}

static int32_t next(void *state, sluice_event *event)
{
    struct saving *saving = state;
    event->data = saving->said;
    return SLUICE_NEXT_EVENT;
}

static bool save_bytes(struct saving *saving, size_t length)
{
    char *bytes = malloc(length + 1);
    if (bytes == NULL)
        return false;
    memset(bytes, 'a' + (int)(length % 26), length);
    bool isKept = host->save(saving->stream, bytes, length);
    free(bytes);
    return isKept;
}

static void save(void *state, sluice_stream *stream)
{
    struct saving *saving = state;
    bool isKept = false;
    if (saving->bytes >= 0)
        isKept = save_bytes(saving, (size_t)saving->bytes);
    else if (saving->bytes == -2)
        isKept = host->save(stream, NULL, 7);
    else if (saving->bytes == -3)
        isKept = save_bytes(saving, 3) && save_bytes(saving, 5);
    strcpy(saving->said, isKept ? "kept" : "not kept");
}

static int32_t close_saving(void *state, int32_t reason)
{
    (void)reason;
    free(state);
    return SLUICE_CLOSED;
}

static const sluice_producer producer = {
    .struct_size = sizeof producer,
    .flags = SLUICE_NONBLOCKING | SLUICE_RESUMABLE,
    .name = "saves-as-told",
    .parameters = "bytes: i64" RANGE " = 0",
    .open = SLUICE_OPEN(open_saving),
    .next = next,
    .close = close_saving,
    .save = save,
};

SLUICE_PLUGIN(host, "saves-as-told", "1.0.0", NULL, &producer)
