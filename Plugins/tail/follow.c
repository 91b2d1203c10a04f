/*
 * inotify's events are only taken as "look again": what is so is then asked of the file system itself. So nothing depends on
 * their order, and none can be missed: each watch is set before the state that it tells of is looked at, and an overflowing
 * queue is one more reason to look.
 */
#define _GNU_SOURCE
#include "follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"

enum {
    FILE_EVENTS = IN_MODIFY,
    NAME_EVENTS = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
    GONE_EVENTS = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED,
    MISSING_CHECK_MS = 1000,
    NEIGHBOURS_MAX = 4096 /* entries of a directory that are searched for a rotated file */
};

static int watch(const struct follow *follow, int descriptor, uint32_t events)
{
    char path[32];
    descriptor_path(descriptor, path);
    return inotify_add_watch(follow->inotify, path, events);
}

/* The kernel gives one watch per file, so an old and a new one may be the same. */
static void unwatch(const struct follow *follow, int old, int kept)
{
    if (old >= 0 && old != kept)
        inotify_rm_watch(follow->inotify, old);
}

static bool identify(int file, struct file_id *id)
{
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0)
        return false;
    id->inode = status.stx_ino;
    id->birth_ns = 0;
    if (status.stx_mask & STATX_BTIME)
        id->birth_ns = (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
    return true;
}

static bool is_file(int file, const struct file_id *wanted)
{
    struct file_id id;
    return identify(file, &id) && file_id_equal(id, *wanted);
}

/* Opens the wanted file if it was rotated to a name that starts with its old one, or answers -1. */
static int open_rotated(const struct follow *follow, const struct file_id *wanted)
{
    int listing = openat(follow->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = listing < 0 ? NULL : fdopendir(listing);
    if (entries == NULL) {
        close_quietly(listing);
        return -1;
    }
    int file = -1;
    struct dirent *entry;
    for (int seen = 0; file < 0 && seen < NEIGHBOURS_MAX && (entry = readdir(entries)) != NULL; seen++) {
        if (strncmp(entry->d_name, follow->name, strlen(follow->name)) != 0)
            continue;
        file = beneath_file(follow->directory, entry->d_name);
        if (file >= 0 && !is_file(file, wanted)) {
            close(file);
            file = -1;
        }
    }
    closedir(entries);
    return file;
}

/* Opens the file to read first. */
static int open_first(const struct follow *follow, const struct file_id *wanted)
{
    int named = beneath_file(follow->directory, follow->name);
    if (wanted == NULL || (named < 0 && errno != ENOENT) || (named >= 0 && is_file(named, wanted)))
        return named;
    int rotated = open_rotated(follow, wanted);
    if (rotated < 0) {
        if (named < 0)
            errno = ENOENT;
        return named;
    }
    close_quietly(named);
    return rotated;
}

bool follow_open(struct follow *follow, int directory, const char *name, const struct file_id *wanted)
{
    *follow = (struct follow){.directory = directory, .name = name, .file = -1, .inotify = -1,
                              .directory_watch = -1, .file_watch = -1, .next_watch = -1};
    follow->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (follow->inotify >= 0)
        follow->directory_watch = watch(follow, directory, NAME_EVENTS);
    if (follow->directory_watch >= 0)
        follow->file = open_first(follow, wanted);
    if (follow->file >= 0)
        follow->file_watch = watch(follow, follow->file, FILE_EVENTS);
    if (follow->file_watch >= 0 && identify(follow->file, &follow->id))
        return true;
    follow_close(follow);
    return false;
}

void follow_close(struct follow *follow)
{
    close_quietly(follow->inotify);
    close_quietly(follow->file);
    close_quietly(follow->directory);
}

ssize_t follow_read(const struct follow *follow, void *buffer, size_t size, off_t offset)
{
    ssize_t count;
    do
        count = pread(follow->file, buffer, size, offset);
    while (count < 0 && errno == EINTR);
    return count;
}

/* Switches to the file that has the name now. If it cannot be opened (yet), waits for it: its mode may be about to change. */
static enum follow_state take_over(struct follow *follow)
{
    struct file_id id;
    int file = beneath_file(follow->directory, follow->name);
    int file_watch = file < 0 ? -1 : watch(follow, file, FILE_EVENTS);
    if (file_watch < 0 || !identify(file, &id)) {
        close_quietly(file);
        return FOLLOW_BARRED;
    }
    unwatch(follow, follow->file_watch, file_watch);
    unwatch(follow, follow->next_watch, file_watch);
    close(follow->file);
    follow->file = file;
    follow->file_watch = file_watch;
    follow->next_watch = -1;
    follow->id = id;
    return FOLLOW_REPLACED;
}

/*
 * Another file may have the name now. While it is empty, the old one is still read: the writer of a log continues for a while in
 * the renamed file, until it is told to open the new one. Once the new one has content, the old one is read to its end for the
 * last time, and closed.
 */
static enum follow_state look_for_next(struct follow *follow)
{
    enum follow_state state = FOLLOW_QUIET;
    struct stat named;
    int found = openat(follow->directory, follow->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (found >= 0 && fstat(found, &named) == 0 && S_ISREG(named.st_mode)) {
        int next_watch = watch(follow, found, FILE_EVENTS);
        if (next_watch < 0) {
            close_quietly(found);
            return FOLLOW_BARRED;
        }
        unwatch(follow, follow->next_watch, next_watch);
        follow->next_watch = next_watch;
        if (fstat(found, &named) == 0 && named.st_size > 0) {
            state = follow->finishing ? take_over(follow) : FOLLOW_AGAIN;
            follow->finishing = state != FOLLOW_REPLACED;
        }
    }
    close_quietly(found);
    return state;
}

enum follow_state follow_end(struct follow *follow, off_t position)
{
    struct stat own = {0}, named, directory;
    if (fstat(follow->file, &own) == 0 && own.st_size < position)
        return FOLLOW_TRUNCATED;
    if (follow->lost)
        return FOLLOW_LOST;
    follow->missing = fstatat(follow->directory, follow->name, &named, AT_SYMLINK_NOFOLLOW) != 0;
    if (follow->missing) {
        follow->finishing = false;
        return fstat(follow->directory, &directory) == 0 && directory.st_nlink == 0 ? FOLLOW_LOST : FOLLOW_QUIET;
    }
    if (own.st_dev == named.st_dev && own.st_ino == named.st_ino) {
        follow->finishing = false;
        return FOLLOW_QUIET;
    }
    return look_for_next(follow);
}

enum follow_state follow_wait(struct follow *follow, int stop)
{
    struct pollfd sources[] = {{.fd = stop, .events = POLLIN}, {.fd = follow->inotify, .events = POLLIN}};
    /* A directory that we hold can be removed without an event; it can only be empty, though, and that we know. */
    if (poll(sources, 2, follow->missing ? MISSING_CHECK_MS : -1) < 0)
        return FOLLOW_AGAIN; /* a signal */
    if (sources[0].revents != 0)
        return FOLLOW_STOPPED;

    _Alignas(struct inotify_event) char events[4096];
    ssize_t length = read(follow->inotify, events, sizeof events);
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(events + at);
        if (event->wd == follow->directory_watch && (event->mask & GONE_EVENTS))
            follow->lost = true;
        at += (ssize_t)(sizeof *event + event->len);
    }
    return FOLLOW_AGAIN;
}
