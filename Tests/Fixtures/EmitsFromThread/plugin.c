/* Has no `next`: a thread emits ?count= numbered events. */
#define THREADS 1
#include "../emitting.h"

FIXTURE(.name = "emits-from-thread", .flags = SLUICE_NONBLOCKING, .has_no_next = true, .open = open_stream, .close = close_stream)
