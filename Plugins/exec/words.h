/* words: a command line as its words. Quotes and backslashes as in a shell; nothing else of one: no variables, no wildcards. */
#ifndef EXEC_WORDS_H
#define EXEC_WORDS_H

/**
 * Splits `line` at blanks. "…" and '…' group; a backslash quotes the next character, except within '…'.
 * Returns an array that ends with NULL, to be freed as one, or NULL with `*fault` saying what is wrong with the line.
 */
char **words_split(const char *line, const char **fault);

#endif
