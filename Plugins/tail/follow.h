/* follow: a file followed by its name, through rotation, truncation, deletion and recreation. Independent of Sluice. */
#ifndef TAIL_FOLLOW_H
#define TAIL_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Which file it is: an inode's number is used again for a later file, hardly ever with the same time of birth. */
struct file_id {
    uint64_t inode;
    uint64_t birth_ns; /**< 0 where the file system keeps none */
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
    bool finishing;  /**< another file has the name, and this one is read to its end a last time */
    bool missing;    /**< no file has the name */
    bool lost;       /**< the directory was moved */
};

enum follow_state {
    FOLLOW_AGAIN,     /**< read once more */
    FOLLOW_QUIET,     /**< nothing to read before something happens: follow_wait */
    FOLLOW_BARRED,    /**< the same, but another file has the name and cannot be opened (errno) */
    FOLLOW_TRUNCATED, /**< the file is shorter than what was read: it starts again, from 0 */
    FOLLOW_REPLACED,  /**< `file` is another one now, to be read from 0 */
    FOLLOW_STOPPED,   /**< the stop descriptor is readable */
    FOLLOW_LOST       /**< the directory was moved or removed */
};

/**
 * Starts to follow `name`, which must stay valid, in `directory`, which is taken over in any case. If `wanted` is the name's
 * file no more but a rotated neighbour is ("app.log.1" for "app.log"), that one is read first. False, and errno, if it can't.
 */
bool follow_open(struct follow *follow, int directory, const char *name, const struct file_id *wanted);
void follow_close(struct follow *follow);

/** As pread, but undisturbed by signals. */
ssize_t follow_read(const struct follow *follow, void *buffer, size_t size, off_t offset);

/** What to do now that `position` is where reading found the end of the file. */
enum follow_state follow_end(struct follow *follow, off_t position);

/** Sleeps until something happened to the file or its name (AGAIN), or to the `stop` descriptor. */
enum follow_state follow_wait(struct follow *follow, int stop);

#endif
