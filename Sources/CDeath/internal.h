#ifndef SLUICE_CDEATH_INTERNAL_H
#define SLUICE_CDEATH_INTERNAL_H
#include "CDeath.h"

/* The plugin whose code is at this address. Can be called from signal handlers. */
struct sluice_code_place sluice_code_at(uintptr_t address);

/* The plugin of the first return address on the stack, from `stack` upwards, that is in a plugin. Can be called from
   signal handlers.
   `plugin`: the plugin whose call the thread is in; addresses in others are left from earlier calls. NULL: the
   thread is in no call, and any plugin counts. */
struct sluice_code_place sluice_code_on_stack(uintptr_t stack, const char *plugin);

/* A line of the log, as LogLine.swift writes it. Plain memory, so that a signal handler can build it. */
struct line {
    char text[3584]; /* less than PIPE_BUF, so that it is written in one piece */
    size_t length;
    bool json;
};

void line_begin(struct line *line, bool json, int64_t seconds, long nanoseconds, const char *message);
void line_add(struct line *line, const char *key, const char *value);
void line_add_number(struct line *line, const char *key, uint64_t number);
/* In hexadecimal, after `before`. */
void line_add_address(struct line *line, const char *key, const char *before, uint64_t address);
void line_end(struct line *line);
#endif
