/*
 * words: splits a command line into words. Quotes and backslashes work as in a shell; variables and wildcards do not
 * exist.
 */
#ifndef EXEC_WORDS_H
#define EXEC_WORDS_H

/**
 * Splits `line` at blanks. "…" and '…' group; a backslash quotes the next character, except within '…'.
 * Returns an array that ends with NULL, to be freed as one, or NULL with `*fault` saying what is wrong with the line.
 */
char **words_split(const char *line, const char **fault);

#endif
