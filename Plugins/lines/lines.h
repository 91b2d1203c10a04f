/* lines: bytes, as they are read piece by piece, as lines of text. */
#ifndef PLUGIN_LINES_H
#define PLUGIN_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "utf8.h"

enum { LINE_BYTES = 16384 }; /**< the longest line that is given whole */

enum line_kind {
    LINE_NONE,      /**< more must be read first */
    LINE_WHOLE,     /**< `text` is a line */
    LINE_BEGINNING, /**< `text` is the beginning of a long line; LINE_OMITTED follows after its end */
    LINE_OMITTED    /**< `omitted` bytes of the long line were left out */
};

struct lines {
    off_t offset;     /**< of the first byte not yet returned, in all that was read */
    size_t begin;     /**< the index of that byte in `bytes` */
    size_t end;       /**< the end of what was read into `bytes` */
    bool skipping;    /**< the bytes up to the next newline are left out */
    uint64_t omitted; /**< how many so far */
    const char *text; /**< valid UTF-8 without the line end; valid until the next call */
    size_t length;
    char bytes[LINE_BYTES + 1]; /**< a line and its newline */
    char repaired[LINE_BYTES * UTF8_GROWTH];
};

/** Returns the next line of what was read. */
enum line_kind lines_take(struct lines *lines);

/**
 * Where to store the next bytes, and at which offset of a file to read them. The caller then adds their number to
 * `end`. Only after LINE_NONE.
 */
char *lines_room(struct lines *lines, size_t *size, off_t *position);

/**
 * Call this when reading starts again, or with another file. An incomplete line is returned, because no more of it will
 * follow.
 */
enum line_kind lines_restart(struct lines *lines);

#endif
