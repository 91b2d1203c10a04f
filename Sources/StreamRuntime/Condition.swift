import Glibc

/// A lock with a condition on the monotonic clock (pthread_cond_timedwait(3)): what `Synchronization` does not have, and what a
/// thread needs that waits for room, for time, or for the end of its stream, whichever comes first.
final class Condition: @unchecked Sendable {
    // Unchecked: a pthread mutex and condition are made to be shared.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Waits, with the lock held, for a `broadcast` or until the time; may return early.
    /// - Parameter deadline: monotonic nanoseconds; `Int64.max`: none.
    func wait(until deadline: Int64) {
        if deadline == .max {
            pthread_cond_wait(condition, mutex)
        } else {
            var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }

    func broadcast() { pthread_cond_broadcast(condition) }
}
