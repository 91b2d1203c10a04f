// The headers of Linux that the Glibc module leaves out.
#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/** Names the calling thread, as ps and debuggers show it; prctl(2) is variadic, which Swift cannot call. */
static inline void sluice_set_thread_name(const char *_Nonnull name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
#endif
