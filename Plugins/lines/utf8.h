/* utf8: any bytes as text. */
#ifndef PLUGIN_UTF8_H
#define PLUGIN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** The replacement character takes three bytes, and replaces at least one. */
enum { UTF8_GROWTH = 3 };

/** The length of the sequence that starts at `bytes`, 1 to 4; 0 if none does that is valid and complete. `length` is not 0. */
size_t utf8_sequence(const char *bytes, size_t length);

/** `length`, without a sequence that is only begun at the end of the bytes: where a text may be cut. */
size_t utf8_cut(const char *bytes, size_t length);

/** How many of the bytes are well-formed UTF-8 (RFC 3629), from the first one on. */
size_t utf8_valid(const char *bytes, size_t length);

/** Copies with U+FFFD for each byte that belongs to no valid sequence; `text` has room for UTF8_GROWTH times `length`. */
size_t utf8_repair(const char *bytes, size_t length, char *text);

#endif
