// Linux headers that the Glibc module leaves out.
#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/** Names the calling thread, as ps and debuggers show it. prctl(2) is variadic, so Swift cannot call it. */
static inline void sluice_set_thread_name(const char *_Nonnull name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

/** pthread_getattr_np(3). <pthread.h> declares it in GNU mode only; the asm label names the C library's definition. */
int sluice_thread_attributes(pthread_t thread, pthread_attr_t *attributes) __asm__("pthread_getattr_np");

/** How many bytes of its stack the calling thread has left; 0 if unknown, as on a stack that a library has made for
    itself. */
static inline size_t sluice_stack_left(void)
{
    static __thread uintptr_t lowest, highest;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (highest == 0) {
        pthread_attr_t attributes;
        void *start;
        size_t size;
        if (sluice_thread_attributes(pthread_self(), &attributes) != 0) return 0;
        int code = pthread_attr_getstack(&attributes, &start, &size);
        pthread_attr_destroy(&attributes);
        if (code != 0) return 0;
        lowest = (uintptr_t)start;
        highest = lowest + size;
    }
    return here > lowest && here < highest ? here - lowest : 0;
}

/** How many cores the calling thread may run on; 0 if the kernel does not say. The C library declares
    sched_getaffinity(2) in GNU mode only. */
static inline int sluice_usable_core_count(void)
{
    unsigned char mask[1024];
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long byte = 0; byte < bytes; byte++) count += __builtin_popcount(mask[byte]);
    return count;
}

/** Has the kernel kill this process when the thread that started it ends; prctl(2). This has no effect if the parent
    is already gone: then it returns 0. */
static inline int sluice_die_with_parent(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return getppid() == parent;
}

/** A descriptor that becomes readable when the process ends; pidfd_open(2). -1 on failure, as on kernels before 5.3. */
static inline int sluice_open_process(int pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    return -1;
#endif
}

/** pipe2(2) with O_CLOEXEC, so that no child started meanwhile inherits an end. The C library declares it in GNU
    mode only. */
static inline int sluice_pipe(int ends[2])
{
    return (int)syscall(SYS_pipe2, ends, O_CLOEXEC);
}

extern char **environ;

/** The environment of this process. Swift imports `environ` as a list that is never NULL, but clearenv(3) makes it
    NULL. */
static inline char *_Nullable *_Nullable sluice_environment(void)
{
    return environ;
}

static inline void sluice_set_environment(char *_Nullable *_Nonnull list)
{
    environ = list;
}

/** O_PATH of open(2), which the C library declares in GNU mode only. */
static const int sluice_path_only = 010000000;

/** A file in memory that can be sealed, and mapped as code; memfd_create(2), which the C library declares in GNU
    mode only. The flags are MFD_CLOEXEC, MFD_ALLOW_SEALING, and MFD_EXEC, which kernels before 6.3 neither know nor
    need. -1 on failure. */
static inline int sluice_memory_file(const char *_Nonnull name)
{
    int descriptor = (int)syscall(SYS_memfd_create, name, 0x1u | 0x2u | 0x10u);
    return descriptor >= 0 || errno != EINVAL ? descriptor : (int)syscall(SYS_memfd_create, name, 0x1u | 0x2u);
}

/** fcntl(2): F_ADD_SEALS; and F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE, which together make a file
    in memory immutable. */
static const int sluice_add_seals = 1033;
static const int sluice_all_seals = 0xf;

/** The user at the other end of a unix socket, as of connect(2): SO_PEERCRED, unix(7), whose struct the C library
    declares in GNU mode only. Returns 0, or -1. */
static inline int sluice_peer_user(int descriptor, unsigned int *user)
{
    struct { int pid; unsigned int uid, gid; } peer;
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
    *user = peer.uid;
    return 0;
}

/** Lowers a soft limit of another process, unless it is already lower; prlimit(2), which the C library declares in
    GNU mode only. */
static inline void sluice_lower_limit(int pid, int resource, unsigned long soft)
{
    struct { uint64_t soft, hard; } limit;
    if (syscall(SYS_prlimit64, pid, resource, NULL, &limit) != 0 || soft >= limit.soft) return;
    limit.soft = soft;
    syscall(SYS_prlimit64, pid, resource, &limit, NULL);
}

/** Makes the child close all descriptors from this one on before its program begins:
    posix_spawn_file_actions_addclosefrom_np (glibc 2.34), which <spawn.h> declares in GNU mode only; the asm label
    names the C library's definition. */
int sluice_spawn_closing_from(posix_spawn_file_actions_t *actions, int first)
    __asm__("posix_spawn_file_actions_addclosefrom_np");

/** Sleeps while the word has this value, until `sluice_futex_wake` or the deadline; may return early. Only for
    threads of this process. futex(2), which the C library does not wrap.
    @param deadline monotonic nanoseconds; INT64_MAX: none */
static inline void sluice_futex_wait(const void *_Nonnull word, uint32_t value, int64_t deadline)
{
    struct timespec time = {deadline / 1000000000, deadline % 1000000000};
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == INT64_MAX ? NULL : &time, NULL,
        FUTEX_BITSET_MATCH_ANY);
}

/** Wakes at most `count` of the threads that sleep on the word. */
static inline void sluice_futex_wake(const void *_Nonnull word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/** sem_clockwait(3): <semaphore.h> declares it with _GNU_SOURCE only, which Swift's importer does not define. */
extern int sem_clockwait(sem_t *_Nonnull semaphore, clockid_t clock, const struct timespec *_Nonnull deadline);

/**
 * Waits for a post, or until the deadline, in nanoseconds of the monotonic clock: setting the date neither shortens nor
 * prolongs the wait. Returns 0, or -1 with errno.
 */
static inline int sluice_sem_wait_until(sem_t *_Nonnull semaphore, int64_t deadline)
{
    struct timespec time = {deadline / 1000000000, deadline % 1000000000};
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &time);
}

/** For a loop that waits for another core: gives the core's shared parts to its other thread for a moment. */
static inline void sluice_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/** What dladdr(3) fills in: `Dl_info`. */
struct sluice_address_origin {
    const char *file_name; /**< as given to dlopen; valid as long as the image */
    void *file_base;
    const char *symbol_name;
    void *symbol_address;
};
/** dladdr(3): which file an address was loaded from. <dlfcn.h> declares it in GNU mode only; the asm label names the
    C library's definition. */
int sluice_dladdr(const void *address, struct sluice_address_origin *origin) __asm__("dladdr");

/** The first members of `struct dl_phdr_info`, which dl_iterate_phdr(3) passes for each image. */
struct sluice_mapped_image {
    size_t base;           /**< its addresses are relative to this */
    const char *file_name; /**< as the dynamic loader opened it; empty: the executable */
    const Elf64_Phdr *segments;
    uint16_t segment_count;
};
/** dl_iterate_phdr(3): calls `visit` for each image; threads that load one meanwhile wait. <link.h> declares it in
    GNU mode only. */
int sluice_visit_images(
    int (*visit)(struct sluice_mapped_image *image, size_t size, void *context), void *context
) __asm__("dl_iterate_phdr");
#endif
