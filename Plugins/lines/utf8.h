/* utf8: turns any bytes into text. */
#ifndef PLUGIN_UTF8_H
#define PLUGIN_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** The replacement character takes three bytes, and replaces at least one. */
enum { UTF8_GROWTH = 3 };

/** The length of the valid and complete sequence at `bytes`, 1 to 4; 0 if there is none. `length` must not be 0. */
size_t utf8_sequence(const char *bytes, size_t length);

/** `length` without an incomplete sequence at the end of the bytes: where a text can be cut. */
size_t utf8_cut(const char *bytes, size_t length);

/** How many bytes at the beginning are well-formed UTF-8 (RFC 3629). */
size_t utf8_valid(const char *bytes, size_t length);

/**
 * Copies, with U+FFFD for each byte that is in no valid sequence; `text` must have room for UTF8_GROWTH times `length`.
 */
size_t utf8_repair(const char *bytes, size_t length, char *text);

#endif
