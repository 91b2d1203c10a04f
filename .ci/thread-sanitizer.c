// Loaded before all else where tests run under the thread sanitizer: tells it of the waiting and waking of Swift's Mutex.
//
// A Mutex of Swift's Synchronization is taken and given back by code that is compiled into its user; only when it has to wait, or to
// wake another thread, does it do so inside the standard library, which is not built for the sanitizer. That would then miss who
// had the lock before, and take each access under a contended lock for a race. Those calls pass through here.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In a program that is built for the sanitizer, these are there; in others, the calls go on as they are.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

// Synchronization._MutexHandle (stdlib/public/Synchronization/Mutex/LinuxImpl.swift), as the compiler names and calls its methods:
// self, the lock's word, is in the context register.
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
