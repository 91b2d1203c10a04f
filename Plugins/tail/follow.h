/* follow: a file followed by its name, through rotation, truncation, deletion and recreation. Independent of Sluice. */
#ifndef TAIL_FOLLOW_H
#define TAIL_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Identifies a file. A later file can get the same inode number, but hardly ever with the same creation time. */
struct file_id {
    uint64_t inode;
    uint64_t birth_ns; /**< 0 if the file system has none */
};

static inline bool file_id_equal(struct file_id a, struct file_id b)
{
    return a.inode == b.inode && a.birth_ns == b.birth_ns;
}

struct follow {
    int directory;   /**< in which the name is looked up */
    const char *name;
    int file;        /**< the file being read */
    struct file_id id;
    int inotify;
    int directory_watch, file_watch, next_watch;
    bool finishing;  /**< another file has the name, and this one is read to its end for the last time */
    bool missing;    /**< no file has the name */
    bool lost;       /**< the directory was moved */
};

enum follow_state {
    FOLLOW_AGAIN,     /**< read once more */
    FOLLOW_QUIET,     /**< nothing to read until something happens: call follow_wait */
    FOLLOW_BARRED,    /**< the same, but another file has the name and can't be opened (errno) */
    FOLLOW_TRUNCATED, /**< the file is shorter than what was read: reading restarts at 0 */
    FOLLOW_REPLACED,  /**< `file` is a different one now, to be read from 0 */
    FOLLOW_STOPPED,   /**< the stop descriptor is readable */
    FOLLOW_LOST       /**< the directory was moved or removed */
};

/**
 * Starts to follow `name`, which must stay valid, in `directory`, whose ownership it takes in any case. If the wanted
 * file no longer has the name but was rotated to a similar one ("app.log.1" for "app.log"), that one is read first.
 * False and errno after a failure.
 */
bool follow_open(struct follow *follow, int directory, const char *name, const struct file_id *wanted);
void follow_close(struct follow *follow);

/** Like pread, but not interrupted by signals. */
ssize_t follow_read(const struct follow *follow, void *buffer, size_t size, off_t offset);

/** What to do after reading has reached the end of the file at `position`. */
enum follow_state follow_end(struct follow *follow, off_t position);

/** Sleeps until something happens to the file or its name (AGAIN), or to the `stop` descriptor. */
enum follow_state follow_wait(struct follow *follow, int stop);

#endif
