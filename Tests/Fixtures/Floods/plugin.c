/* Sends numbered events of ?bytes= as fast as possible; ends after ?count= of them. */
#include "../flooding.h"

FIXTURE(.name = "floods", .flags = SLUICE_NONBLOCKING, .quiet = true, .open = open_stream, .next = next)
