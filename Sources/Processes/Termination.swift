import Glibc
import Synchronization

/// Requests to end this process: SIGINT and SIGTERM, and for a while SIGHUP as well.
///
/// Whoever handles these signals counts them here, and what takes long asks now and then.
package enum Termination {
    /// Since somebody began to count.
    package static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

    /// How many there were.
    package static var count: Int { requests.load(ordering: .acquiring) }

    /// From now on they are counted, from 0. Before any signal handler calls `request`, which must find the counter
    /// made.
    package static func beginCounting() { requests.store(0, ordering: .relaxed) }

    /// One more; for a signal handler.
    /// - Returns: how many there are now.
    package static func request() -> Int { requests.add(1, ordering: .acquiringAndReleasing).newValue }

    /// Does some work during which SIGINT, SIGTERM and SIGHUP are only noted, so that it can undo what it began. Not in
    /// a process that handles these signals otherwise.
    package static func noting<Result>(during work: () throws -> Result) rethrows -> Result {
        beginCounting()
        let before = [SIGINT, SIGTERM, SIGHUP].map { number in
            var (noting, before) = (sigaction(), sigaction())
            noting.__sigaction_handler.sa_handler = { _ in _ = Termination.request() }
            noting.sa_flags = SA_RESTART
            sigaction(number, &noting, &before)
            return (number, before)
        }
        defer {
            for (number, action) in before {
                var action = action
                sigaction(number, &action, nil)
            }
        }
        return try work()
    }
}

private let requests = Atomic(0)
