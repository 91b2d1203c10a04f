package import CLinux
import Glibc
package import SystemCalls

/// How much processor time a thread or a process has used. A clock that stands still means that it waits.
package struct ProcessorClock: Sendable {
    private let id: clockid_t

    package static var ofThisThread: ProcessorClock? {
        var id = clockid_t()
        return pthread_getcpuclockid(pthread_self(), &id) == 0 ? ProcessorClock(id: id) : nil
    }

    /// - Parameter process: a child that was not waited for yet.
    package init?(ofProcess process: pid_t) {
        var id = clockid_t()
        guard clock_getcpuclockid(process, &id) == 0 else { return nil }
        self.id = id
    }

    private init(id: clockid_t) { self.id = id }

    /// `nil` if unknown, as for a process that is gone.
    package var used: Nanoseconds? {
        var used = timespec()
        guard clock_gettime(id, &used) == 0 else { return nil }
        return Int64(used.tv_sec) * 1_000_000_000 + Int64(used.tv_nsec)
    }
}
