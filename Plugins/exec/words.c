#include "words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Copies one word without its quotes; answers where it ended in `line`, or NULL if a quote or a backslash is left open. */
static const char *take_word(const char *line, char **text)
{
    char quote = '\0';
    for (; *line != '\0' && (quote != '\0' || !is_blank(*line)); line++) {
        if (quote == '\0' && (*line == '"' || *line == '\'')) {
            quote = *line;
        } else if (*line == quote) {
            quote = '\0';
        } else {
            if (*line == '\\' && quote != '\'' && *++line == '\0')
                return NULL;
            *(*text)++ = *line;
        }
    }
    *(*text)++ = '\0';
    return quote == '\0' ? line : NULL;
}

char **words_split(const char *line, const char **fault)
{
    /* Words are at most half as many as bytes (and one), and take no more room together than the line. */
    size_t length = strlen(line), most = length / 2 + 2;
    char **words = malloc(most * sizeof *words + length + 1);
    if (words == NULL) {
        *fault = "out of memory";
        return NULL;
    }
    char *text = (char *)(words + most);
    size_t count = 0;
    while (true) {
        while (is_blank(*line))
            line++;
        if (*line == '\0')
            break;
        words[count++] = text;
        line = take_word(line, &text);
        if (line == NULL) {
            *fault = "a quote or backslash is not closed";
            free(words);
            return NULL;
        }
    }
    words[count] = NULL;
    if (count == 0 || words[0][0] != '/') {
        *fault = "expected the program's absolute path first";
        free(words);
        return NULL;
    }
    return words;
}
