/*
 * tail: the lines of a growing file.
 *
 * What it teaches: a producer that blocks. Its `next` sleeps in poll() until the file grows, on its own thread, and
 * `interrupt` ends that sleep through an eventfd from another thread. Also: a root that the operator configures, to
 * which a request's path is confined (beneath.c); IDs that find the position again after the file was rotated; an event
 * without data, which gives a browser an ID to reconnect with before there is anything to read; and text of unknown
 * origin that is made valid for an event.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "follow.h"
#include "lines.h"

static const sluice_host *host;

struct tail {
    sluice_stream *stream;
    struct follow follow;
    struct lines lines;
    int stop;       /* eventfd; remains readable after `interrupt` */
    bool announced; /* the start position has been sent */
    bool warned;    /* that a file can't be opened */
    char id[64], note[40];
    char name[]; /* the file's name in its directory */
};

/* -------------------------------------------------------------------------------------------------------------- Ids */

/*
 * An ID is the position to resume at: the file's inode and creation time in hexadecimal, and the offset:
 * "2a01.18bd5c3e90f1a2b4-512".
 */
static void put_id(struct tail *tail, sluice_event *event)
{
    snprintf(tail->id, sizeof tail->id, "%" PRIx64 ".%" PRIx64 "-%jd", tail->follow.id.inode, tail->follow.id.birth_ns,
             (intmax_t)tail->lines.offset);
    event->id = tail->id;
}

static bool parse_id(const char *text, struct file_id *id, off_t *offset)
{
    char spelled[64];
    intmax_t place;
    if (sscanf(text, "%16" SCNx64 ".%16" SCNx64 "-%18jd", &id->inode, &id->birth_ns, &place) != 3 || place < 0)
        return false;
    *offset = (off_t)place;
    snprintf(spelled, sizeof spelled, "%" PRIx64 ".%" PRIx64 "-%jd", id->inode, id->birth_ns, place);
    return strcmp(spelled, text) == 0;
}

/* ---------------------------------------------------------------------------------------------------------- Opening */

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

static void complain(sluice_stream *stream, int32_t level, const char *what, int error)
{
    char message[256];
    snprintf(message, sizeof message, "%s: %s", what, strerror(error));
    host->log(stream, level, message);
}

/* The answer only contains the subscriber's mistakes; the operator's are in the log. */
static int32_t refuse_file(sluice_stream *stream, int error)
{
    switch (error) {
    case EINVAL:
    case ENAMETOOLONG:
        return refuse(stream, 400, "path: expected a path below the root, such as \"app/app.log\"");
    case ENOENT:
    case ENOTDIR:
        return refuse(stream, 404, "path: no such file");
    case ELOOP:
    case ENOTSUP:
        return refuse(stream, 403, "path: not a regular file");
    case EACCES:
    case EPERM:
        return refuse(stream, 403, "path: not readable");
    }
    complain(stream, SLUICE_LOG_ERROR,
             error == EMFILE ? "too few open files, or inotify instances (fs.inotify.max_user_instances), are allowed"
             : error == ENOSPC ? "too few inotify watches (fs.inotify.max_user_watches) are allowed"
             : "the file cannot be followed", error);
    return refuse(stream, 503, "the file cannot be followed now");
}

/*
 * Starts after the last newline: a line that is being written is sent as a whole, later; one that is already too long
 * is not sent.
 */
static void start_at_end(struct tail *tail)
{
    struct lines *lines = &tail->lines;
    struct stat status = {0};
    fstat(tail->follow.file, &status);
    off_t from = status.st_size > LINE_BYTES ? status.st_size - LINE_BYTES : 0;
    ssize_t length = follow_read(&tail->follow, lines->bytes, LINE_BYTES, from);
    const char *newline = length > 0 ? memrchr(lines->bytes, '\n', (size_t)length) : NULL;
    lines->skipping = newline == NULL && from > 0;
    lines->offset = newline != NULL ? from + (newline + 1 - lines->bytes) : lines->skipping ? status.st_size : 0;
}

/*
 * Starts at `offset`, unless no line starts there: then the file was rewritten after the ID was sent, and all of it is
 * new.
 */
static void start_at(struct tail *tail, off_t offset)
{
    char before;
    if (offset > 0 && follow_read(&tail->follow, &before, 1, offset - 1) == 1 && before == '\n')
        tail->lines.offset = offset;
}

static int32_t tail_open(sluice_stream *stream, void **state, const char *path, const char *from)
{
    const char *root = host->config(stream, "root");
    if (root == NULL)
        return refuse(stream, 403, "tail: \"root\" is not configured");
    bool at_start = strcmp(from, "start") == 0;
    if (!at_start && strcmp(from, "end") != 0)
        return refuse(stream, 400, "from: \"start\" or \"end\"");
    const char *id = host->last_event_id(stream);
    bool returning = id != NULL && id[0] != '\0';
    struct file_id wanted;
    off_t offset = 0;
    if (returning && !parse_id(id, &wanted, &offset))
        return refuse(stream, 400, "Last-Event-ID: not an id of this producer");

    int root_directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_directory < 0) {
        complain(stream, SLUICE_LOG_ERROR, "the configured root cannot be opened", errno);
        return refuse(stream, 500, "the configured root cannot be opened");
    }
    const char *name;
    int directory = beneath_directory(root_directory, path, &name);
    if (directory < 0)
        return refuse_file(stream, errno);

    struct tail *tail = calloc(1, sizeof *tail + strlen(name) + 1);
    if (tail == NULL) {
        close(directory);
        return refuse(stream, 503, "out of memory");
    }
    tail->stream = stream;
    strcpy(tail->name, name);
    if (!follow_open(&tail->follow, directory, tail->name, returning ? &wanted : NULL)) {
        int error = errno;
        free(tail);
        return refuse_file(stream, error);
    }
    tail->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tail->stop < 0) {
        int error = errno;
        follow_close(&tail->follow);
        free(tail);
        return refuse_file(stream, error);
    }
    if (returning && file_id_equal(tail->follow.id, wanted))
        start_at(tail, offset);
    else if (!returning && !at_start)
        start_at_end(tail);
    *state = tail;
    return SLUICE_OPEN_OK;
}

/* ----------------------------------------------------------------------------------------------------------- Events */

static bool put_line(struct tail *tail, enum line_kind kind, sluice_event *event)
{
    if (kind == LINE_NONE)
        return false;
    event->data = tail->lines.text;
    event->data_length = tail->lines.length;
    if (kind == LINE_OMITTED) {
        event->type = "truncated";
        event->data = tail->note;
        event->data_length = (size_t)snprintf(tail->note, sizeof tail->note, "{\"omitted\":%" PRIu64 "}", tail->lines.omitted);
    }
    if (kind != LINE_BEGINNING)
        put_id(tail, event); /* nobody can resume in the middle of a line */
    return true;
}

static int32_t failed(struct tail *tail, const char *message)
{
    host->fail(tail->stream, message);
    return SLUICE_NEXT_ERROR;
}

static int32_t tail_next(void *state, sluice_event *event)
{
    struct tail *tail = state;
    if (!tail->announced) {
        tail->announced = true;
        if (!tail->lines.skipping) {
            put_id(tail, event); /* without data: no script sees it, but a browser remembers the ID */
            return SLUICE_NEXT_EVENT;
        }
    }
    while (!host->is_cancelled(tail->stream)) {
        if (put_line(tail, lines_take(&tail->lines), event))
            return SLUICE_NEXT_EVENT;

        size_t size;
        off_t position;
        char *room = lines_room(&tail->lines, &size, &position);
        ssize_t count = follow_read(&tail->follow, room, size, position);
        if (count < 0)
            return failed(tail, "the file cannot be read any more");
        tail->lines.end += (size_t)count;
        if (count > 0)
            continue;

        enum follow_state found = follow_end(&tail->follow, position);
        if (found == FOLLOW_BARRED && !tail->warned) {
            tail->warned = true;
            complain(tail->stream, SLUICE_LOG_WARNING, "the file was replaced by one that cannot be opened", errno);
        }
        if (found == FOLLOW_QUIET || found == FOLLOW_BARRED)
            found = follow_wait(&tail->follow, tail->stop);
        if ((found == FOLLOW_TRUNCATED || found == FOLLOW_REPLACED)
            && put_line(tail, lines_restart(&tail->lines), event))
            return SLUICE_NEXT_EVENT;
        if (found == FOLLOW_LOST)
            return failed(tail, "the file's directory was moved or removed");
        if (found == FOLLOW_STOPPED)
            break;
    }
    return SLUICE_NEXT_WAIT; /* the stream must end: close comes next */
}

/* Called on another thread, while `tail_next` waits. */
static void tail_interrupt(void *state)
{
    struct tail *tail = state;
    eventfd_write(tail->stop, 1);
}

static int32_t tail_close(void *state, int32_t reason)
{
    (void)reason;
    struct tail *tail = state;
    follow_close(&tail->follow);
    close(tail->stop);
    free(tail);
    return SLUICE_CLOSED;
}

static const sluice_producer tail = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_RESUMABLE | SLUICE_SHARED,
    .name = "tail",
    .description = "The lines of a file beneath the configured root, as they are written",
    .parameters = "path: str, from: str = \"end\"",
    .open = SLUICE_OPEN(tail_open),
    .next = tail_next,
    .close = tail_close,
    .interrupt = tail_interrupt,
};

SLUICE_PLUGIN(host, "tail", "1.0.0", "Follows files through rotation and truncation", &tail)
