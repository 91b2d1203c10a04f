/* Has no `next`: four threads emit ?count= numbered events in all, as fast as they are accepted. */
#define THREADS 4
#include "../emitting.h"

FIXTURE(.name = "emit-storm", .flags = SLUICE_NONBLOCKING, .has_no_next = true, .open = open_stream, .close = close_stream)
