// Preloaded when tests run under the thread sanitizer. Swift's own libraries are not built for the sanitizer, so it
// does not see how they synchronize threads, and would report races that do not exist. This library tells it.
//
// A Mutex of Swift's Synchronization is locked and unlocked by code that is compiled into its user. Only when it has to
// wait, or to wake another thread, does it call the standard library. The sanitizer would not see which thread had the
// lock before.
//
// A task that waits for a continuation (`withUnsafeThrowingContinuation`, `EventLoopFuture.get()`) continues with data
// that the resuming thread has written. The runtime tells the sanitizer so when it enqueues the task again, but not
// when the continuation was resumed before the task began to wait: then the task just continues.
//
// This library intercepts those calls.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// A program that is built for the sanitizer has these functions; in others, the calls are passed on unchanged.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

// Synchronization._MutexHandle (stdlib/public/Synchronization/Mutex/LinuxImpl.swift), with the compiler's names and
// calling convention for its methods: self, the lock's word, is in the context register.
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall, visibility("default")))
#define SELF __attribute__((swift_context)) void *lock

SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool try_lock_slow(SELF) __asm__(TRY_LOCK);
SWIFT void unlock_slow(SELF) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF) {
    __attribute__((swiftcall)) void (*next)(uint32_t, SELF) = dlsym(RTLD_NEXT, LOCK);
    next(thread, lock);
    if (__tsan_acquire) __tsan_acquire(lock);
}

SWIFT bool try_lock_slow(SELF) {
    __attribute__((swiftcall)) bool (*next)(SELF) = dlsym(RTLD_NEXT, TRY_LOCK);
    bool isLocked = next(lock);
    if (isLocked && __tsan_acquire) __tsan_acquire(lock);
    return isLocked;
}

SWIFT void unlock_slow(SELF) {
    __attribute__((swiftcall)) void (*next)(SELF) = dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(lock);
    next(lock);
}

// ContinuationAsyncContext and its functions (include/swift/ABI/Task.h, stdlib/public/Concurrency/Task.cpp). A waiting
// task continues with the function in its continuation. It is replaced with `resumed`, which first tells the sanitizer.
// Until then, the original function is kept in lists. The sanitizer must not see their locks: it would conclude that
// all tasks are ordered.
struct continuation;
#define SWIFT_ASYNC __attribute__((swiftasynccall, visibility("default")))
#define CONTEXT __attribute__((swift_async_context)) struct continuation *continuation
typedef __attribute__((swiftasynccall)) void resume_function(CONTEXT);

struct continuation {
    void *parent;
    resume_function *resume;
};

extern SWIFT void *swift_task_getCurrent(void) __attribute__((weak));

struct waiting {
    struct continuation *continuation;
    resume_function *resume;
    struct waiting *next;
};

enum { LISTS = 4096 };
static struct list {
    bool is_locked;
    struct waiting *first;
} lists[LISTS];

static struct list *lock_list(struct continuation *continuation) {
    struct list *list = &lists[(uintptr_t)continuation / 16 % LISTS];
    while (__atomic_test_and_set(&list->is_locked, __ATOMIC_ACQUIRE)) sched_yield();
    return list;
}

static void unlock_list(struct list *list) { __atomic_clear(&list->is_locked, __ATOMIC_RELEASE); }

static __attribute__((swiftasynccall)) void resumed(CONTEXT) {
    struct list *list = lock_list(continuation);
    struct waiting **place = &list->first;
    while ((*place)->continuation != continuation) place = &(*place)->next;
    struct waiting *waiting = *place;
    *place = waiting->next;
    unlock_list(list);
    resume_function *resume = waiting->resume;
    free(waiting);
    __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return resume(continuation);
}

SWIFT void *swift_continuation_init(struct continuation *continuation, size_t flags) {
    SWIFT void *(*next)(struct continuation *, size_t) = dlsym(RTLD_NEXT, "swift_continuation_init");
    if (__tsan_acquire) {
        struct waiting *waiting = malloc(sizeof *waiting);
        if (!waiting) abort();
        struct list *list = lock_list(continuation);
        *waiting = (struct waiting){continuation, continuation->resume, list->first};
        list->first = waiting;
        unlock_list(list);
        continuation->resume = resumed;
    }
    return next(continuation, flags);
}

SWIFT_ASYNC void swift_continuation_await(struct continuation *continuation) {
    __attribute__((swiftasynccall)) void (*next)(struct continuation *) = dlsym(RTLD_NEXT, "swift_continuation_await");
    if (__tsan_release) __tsan_release(swift_task_getCurrent());
    __attribute__((musttail)) return next(continuation);
}
