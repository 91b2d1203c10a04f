/*
 * walk: the files below a directory, one event each, found by nftw(3).
 *
 * What it teaches: wrapping a C library that reports through a callback. nftw's carries no pointer of ours, so `bind`
 * creates a function that does. The chapter in README.md builds this file step by step.
 */
#define _GNU_SOURCE
#include <ftw.h>
#include <limits.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sluice_host *host;

/* What nftw calls; "(str, ptr, i32, ptr) -> i32" for `bind`. */
typedef int visit_function(const char *path, const struct stat *status, int type, struct FTW *place);

struct walk { /* the state of one stream */
    sluice_stream *stream;
    visit_function *visit;  /* created by `bind`: calls walk_visit with this struct */
    int64_t entries, failures;
    size_t root_length;     /* of the part of the path that is not shown */
    char start[PATH_MAX];
};

/* ---------------------------------------------------------------------------------------------------------- Sending */

/* Sends an event. The queue is bounded: if it is full, waits until there is room. False when the stream must end. */
static bool send(struct walk *walk, const sluice_event *event)
{
    while (!host->is_cancelled(walk->stream)) {
        if (host->emit(walk->stream, event) != SLUICE_EMIT_FULL)
            return true;
        host->sleep(walk->stream, 1000); /* less if there is room earlier: then the host wakes it */
    }
    return false;
}

static bool send_comment(struct walk *walk)
{
    char comment[64];
    sluice_event event;
    sluice_event_init(&event);
    snprintf(comment, sizeof comment, "%lld entries so far", (long long)walk->entries);
    event.comment = comment;
    return send(walk, &event);
}

/* A name may contain any byte but '/' and NUL. As in a URL, special bytes become %XX: nothing is lost. */
static void encode(const char *path, char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-~";
    for (; *path != '\0'; path++) {
        if (strchr(plain, *path) != NULL)
            *text++ = *path;
        else
            text += sprintf(text, "%%%02X", (unsigned)(unsigned char)*path);
    }
    *text = '\0';
}

/* ---------------------------------------------------------------------------------------------------------- Walking */

static const char *type_name(int type, const struct stat *status)
{
    switch (type) {
    case FTW_D: return "directory";
    case FTW_DNR: return "unreadable";
    case FTW_NS: return "unknown";
    case FTW_SL: return "link";
    default: return S_ISREG(status->st_mode) ? "file" : "other";
    }
}

/* The handler: gets the walk, then nftw's arguments. Any result but 0 ends the walk. */
static int walk_visit(struct walk *walk, const char *path, const struct stat *status, int type, struct FTW *place)
{
    if (place->level == 0)
        return 0; /* the start of the walk */
    if (strlen(path) >= PATH_MAX) { /* nftw goes deeper than the kernel can name */
        walk->failures++;
        return 0;
    }
    char name[3 * PATH_MAX], json[sizeof name + 128];
    encode(path + walk->root_length, name);
    if (type == FTW_NS || type == FTW_DNR)
        walk->failures++;

    sluice_event event;
    sluice_event_init(&event);
    event.data = json;
    event.data_length = (size_t)snprintf(json, sizeof json, "{\"path\":\"%s\",\"type\":\"%s\",\"size\":%lld}", name,
                                         type_name(type, status), type == FTW_NS ? 0 : (long long)status->st_size);
    if (!send(walk, &event))
        return 1;
    return ++walk->entries % 1000 == 0 && !send_comment(walk);
}

/* ------------------------------------------------------------------------------------------------------- The stream */

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

static int32_t walk_open(sluice_stream *stream, void **state, const char *path)
{
    const char *configured = host->config(stream, "root");
    if (configured == NULL)
        return refuse(stream, 403, "walk: \"root\" is not configured");
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return refuse(stream, 503, "out of memory");
    walk->stream = stream;

    /* Both as the kernel sees them, without links and "..": one must lie within the other. */
    char root[PATH_MAX], wanted[PATH_MAX];
    if (realpath(configured, root) == NULL) {
        free(walk);
        host->log(stream, SLUICE_LOG_ERROR, "the configured root cannot be found");
        return refuse(stream, 500, "the configured root cannot be found");
    }
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if ((size_t)snprintf(wanted, sizeof wanted, "%s/%s", root, path) >= sizeof wanted
        || realpath(wanted, walk->start) == NULL) {
        free(walk);
        return refuse(stream, 404, "path: no such directory");
    }
    if (strncmp(walk->start, root, length) != 0 || (walk->start[length] != '/' && walk->start[length] != '\0')) {
        free(walk);
        return refuse(stream, 403, "path: not beneath the root");
    }
    walk->root_length = length + 1;

    walk->visit = (visit_function *)host->bind(stream, "(str, ptr, i32, ptr) -> i32", (sluice_function)walk_visit, walk);
    if (walk->visit == NULL) { /* the log says why */
        free(walk);
        return refuse(stream, 503, "no function can be created now");
    }
    *state = walk;
    return SLUICE_OPEN_OK;
}

/* One call walks everything, on the thread that the host gives to a stream without SLUICE_NONBLOCKING. */
static int32_t walk_next(void *state, sluice_event *event)
{
    struct walk *walk = state;
    (void)event;
    int answer = nftw(walk->start, walk->visit, 16, FTW_PHYS);
    if (answer > 0)
        return SLUICE_NEXT_WAIT; /* the stream must end: close comes next */
    if (answer < 0) {
        host->fail(walk->stream, "the directory cannot be walked");
        return SLUICE_NEXT_ERROR;
    }
    char comment[96];
    sluice_event end;
    sluice_event_init(&end);
    snprintf(comment, sizeof comment, "%lld entries, %lld of them not readable", (long long)walk->entries,
             (long long)walk->failures);
    end.comment = comment;
    send(walk, &end);
    return SLUICE_NEXT_END;
}

static int32_t walk_close(void *state, int32_t reason)
{
    (void)reason;
    free(state); /* nftw has returned, so walk->visit is not called any more; a call would do nothing */
    return SLUICE_CLOSED;
}

static const sluice_producer walk = {
    .struct_size = sizeof(sluice_producer),
    .name = "walk",
    .description = "The files below a directory beneath the configured root",
    .parameters = "path: str = \".\"",
    .open = SLUICE_OPEN(walk_open),
    .next = walk_next,
    .close = walk_close,
};

SLUICE_PLUGIN(host, "walk", "1.0.0", "Walks directories with nftw(3)", &walk)
