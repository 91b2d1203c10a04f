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
    LINE_BEGINNING, /**< `text` is how a long line begins; LINE_OMITTED follows once it has ended */
    LINE_OMITTED    /**< `omitted` bytes of it were left out */
};

struct lines {
    off_t offset;     /**< of the first byte that was not given, among all that were read */
    size_t begin;     /**< where that is in `bytes` */
    size_t end;       /**< of what was read into `bytes` */
    bool skipping;    /**< what comes up to the next newline is left out */
    uint64_t omitted; /**< so much so far */
    const char *text; /**< valid UTF-8, without line end; until the next call */
    size_t length;
    char bytes[LINE_BYTES + 1]; /**< a line and its newline */
    char repaired[LINE_BYTES * UTF8_GROWTH];
};

/** Gives the next line of what was read. */
enum line_kind lines_take(struct lines *lines);

/** Where to read to, and from which place (of a file); what was read is then added to `end`. Only after LINE_NONE. */
char *lines_room(struct lines *lines, size_t *size, off_t *position);

/** Reading starts again, or with another file: the incomplete line is all that will ever come of it, and is given. */
enum line_kind lines_restart(struct lines *lines);

#endif
