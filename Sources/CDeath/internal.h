#ifndef SLUICE_CDEATH_INTERNAL_H
#define SLUICE_CDEATH_INTERNAL_H
#include "CDeath.h"

/* The plugin that has this address; signal handlers may ask. */
struct sluice_code_place sluice_code_at(uintptr_t address);

/* The first return address on the stack from `stack` upwards that is in a plugin; signal handlers may ask.
   `plugin`: whose call the thread is in; another's words are left of an earlier call then. NULL: in none. */
struct sluice_code_place sluice_code_on_stack(uintptr_t stack, const char *plugin);

/* A line of the log, as LogLine.swift makes them. Plain memory, so that it can be made in a signal handler. */
struct line {
    char text[3584]; /* less than PIPE_BUF, so that it is written in one piece */
    size_t length;
    bool json;
};

void line_begin(struct line *line, bool json, int64_t seconds, long nanoseconds, const char *message);
void line_add(struct line *line, const char *key, const char *value);
void line_add_number(struct line *line, const char *key, uint64_t number);
/* In hexadecimal, behind `before`. */
void line_add_address(struct line *line, const char *key, const char *before, uint64_t address);
void line_end(struct line *line);
#endif
