import CLinux
import Glibc
package import SystemCalls

/// A counting semaphore of the C library: `post` never blocks.
///
/// `@unchecked Sendable`: every operation is safe from any thread (sem_overview(7)); the last owner frees the memory.
package final class Semaphore: @unchecked Sendable {
    private let semaphore: UnsafeMutablePointer<sem_t>

    package init() {
        semaphore = .allocate(capacity: 1)
        precondition(sem_init(semaphore, 0, 0) == 0, "a semaphore that starts at 0 is always valid")
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    package func post() {
        sem_post(semaphore)
    }

    package func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }

    /// - Returns: `false` if nothing was posted within this many seconds.
    package func wait(seconds: Int) -> Bool { wait(nanoseconds: Int64(seconds) * 1_000_000_000) }

    /// - Returns: `false` if nothing was posted within this time.
    package func wait(nanoseconds: Nanoseconds) -> Bool {
        let deadline = monotonicNanoseconds() + nanoseconds
        while sluice_sem_wait_until(semaphore, deadline) != 0 {
            guard errno == EINTR else { return false }
        }
        return true
    }
}
