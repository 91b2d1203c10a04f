import Glibc

/// A value that some threads change while others wait for a certain state.
package final class Watched<Value>: @unchecked Sendable {  // `value` is only used under the mutex
    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(_ value: Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    package func update<Result>(_ change: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try change(&value)
    }

    package func read<Result>(_ look: (Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try look(value)
    }

    /// Waits until `look` finds something.
    /// - Returns: what it found, or `nil` after a timeout.
    package func wait<Found>(_ limit: Duration, until look: (Value) throws -> Found?) rethrows -> Found? {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let (seconds, attoseconds) = limit.components
        deadline.tv_sec += Int(seconds)
        deadline.tv_nsec += Int(attoseconds / 1_000_000_000)
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let found = try look(value) { return found }
            if pthread_cond_timedwait(changed, mutex, &deadline) == ETIMEDOUT { return try look(value) }
        }
    }
}

extension Watched where Value: Equatable {
    /// Waits until the value is equal to `wanted`.
    /// - Returns: `false` after a timeout.
    package func becomes(_ wanted: Value, within limit: Duration = .seconds(30)) -> Bool {
        wait(limit) { $0 == wanted ? true : nil } ?? false
    }
}
