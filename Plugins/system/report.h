/* report: two samples as one JSON object. */
#ifndef SYSTEM_REPORT_H
#define SYSTEM_REPORT_H

#include <stdio.h>

#include "sample.h"

/** Writes what is so `now`, and the rates since `before`; without it (NULL), and wherever there is none, a rate is null. */
void report_write(FILE *out, const struct sample *before, const struct sample *now);

#endif
