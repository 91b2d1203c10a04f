// The headers of Linux that the Glibc module leaves out.
#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/** Names the calling thread, as ps and debuggers show it; prctl(2) is variadic, which Swift cannot call. */
static inline void sluice_set_thread_name(const char *_Nonnull name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

/** How many cores the calling thread may run on; 0 if the kernel does not say. The C library declares sched_getaffinity(2) in
    GNU mode only. */
static inline int sluice_usable_core_count(void)
{
    unsigned char mask[1024];
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long byte = 0; byte < bytes; byte++) count += __builtin_popcount(mask[byte]);
    return count;
}

/** Has the kernel kill this process when the thread that started it ends; prctl(2). */
static inline void sluice_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/** A descriptor that becomes readable when the process ends; pidfd_open(2). -1: the kernel is older than 5.3. */
static inline int sluice_open_process(int pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    return -1;
#endif
}

/** pipe2(2) with O_CLOEXEC, which the C library declares in GNU mode only: no child started meanwhile inherits an end. */
static inline int sluice_pipe(int ends[2])
{
    return (int)syscall(SYS_pipe2, ends, O_CLOEXEC);
}

/** The user at the other end of a unix socket, as it was when they connected: SO_PEERCRED, unix(7), whose struct the C library declares
    in GNU mode only. 0, or -1. */
static inline int sluice_peer_user(int descriptor, unsigned int *user)
{
    struct { int pid; unsigned int uid, gid; } peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    *user = peer.uid;
    return 0;
}

/** Has the child close its descriptors from this one on, before its program begins: posix_spawn_file_actions_addclosefrom_np, which <spawn.h>
    declares in GNU mode only (glibc 2.34); the asm label says whose definition is meant. */
int sluice_spawn_closing_from(posix_spawn_file_actions_t *actions, int first)
    __asm__("posix_spawn_file_actions_addclosefrom_np");

/** What dladdr(3) fills: `Dl_info`. */
struct sluice_address_origin {
    const char *file_name; /**< as dlopen was given it; it lives as long as the image */
    void *file_base;
    const char *symbol_name;
    void *symbol_address;
};
/** dladdr(3): which file an address was loaded from. <dlfcn.h> declares it in GNU mode only; the asm label says whose definition is
    meant. */
int sluice_dladdr(const void *address, struct sluice_address_origin *origin) __asm__("dladdr");
#endif
