#define _GNU_SOURCE
#include "lines.h"

#include <string.h>

static void consume(struct lines *lines, size_t count)
{
    lines->begin += count;
    lines->offset += (off_t)count;
}

/* The bytes themselves, if they are valid text. */
static enum line_kind give(struct lines *lines, enum line_kind kind, const char *bytes, size_t length)
{
    bool valid = utf8_valid(bytes, length) == length;
    lines->text = valid ? bytes : lines->repaired;
    lines->length = valid ? length : utf8_repair(bytes, length, lines->repaired);
    return kind;
}

enum line_kind lines_take(struct lines *lines)
{
    const char *start = lines->bytes + lines->begin;
    size_t held = lines->end - lines->begin;
    const char *newline = memchr(start, '\n', held);
    size_t line = newline != NULL ? (size_t)(newline - start) : held;

    if (lines->skipping) {
        lines->omitted += line;
        consume(lines, newline != NULL ? line + 1 : line);
        lines->skipping = newline == NULL;
        return newline != NULL ? LINE_OMITTED : LINE_NONE;
    }
    if (newline != NULL) {
        consume(lines, line + 1);
        return give(lines, LINE_WHOLE, start, line > 0 && start[line - 1] == '\r' ? line - 1 : line);
    }
    if (held == sizeof lines->bytes) {
        size_t beginning = utf8_cut(start, LINE_BYTES);
        consume(lines, beginning);
        lines->skipping = true;
        lines->omitted = 0;
        return give(lines, LINE_BEGINNING, start, beginning);
    }
    return LINE_NONE;
}

char *lines_room(struct lines *lines, size_t *size, off_t *position)
{
    size_t held = lines->end - lines->begin;
    memmove(lines->bytes, lines->bytes + lines->begin, held);
    lines->begin = 0;
    lines->end = held;
    *size = sizeof lines->bytes - held;
    *position = lines->offset + (off_t)held;
    return lines->bytes + held;
}

enum line_kind lines_restart(struct lines *lines)
{
    bool skipping = lines->skipping;
    size_t begin = lines->begin, held = lines->end - lines->begin;
    lines->skipping = false;
    lines->begin = lines->end = 0;
    lines->offset = 0;
    if (skipping)
        return LINE_OMITTED;
    return held > 0 ? give(lines, LINE_WHOLE, lines->bytes + begin, held) : LINE_NONE;
}
