/* Like Floods, but without the promise not to block: each stream has a thread. */
#include "../flooding.h"

FIXTURE(.name = "floods-from-thread", .flags = 0, .quiet = true, .open = open_stream, .next = next)
