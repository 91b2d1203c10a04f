/* report: two samples as one JSON object. */
#ifndef SYSTEM_REPORT_H
#define SYSTEM_REPORT_H

#include <stdio.h>

#include "sample.h"

/** Writes the state at `now`, and the rates since `before`; a rate is null if `before` is NULL or lacks the value. */
void report_write(FILE *out, const struct sample *before, const struct sample *now);

#endif
