import Glibc
import Synchronization

/// Requests to end this process: SIGINT and SIGTERM, and at times SIGHUP.
///
/// Signal handlers count them here, and long operations check for them now and then.
package enum Termination {
    /// Whether there has been a request since counting began.
    package static var isRequested: Bool { requests.load(ordering: .relaxed) > 0 }

    /// The number of requests.
    package static var count: Int { requests.load(ordering: .acquiring) }

    /// Begins counting at 0. Call it before any signal handler calls `request`, because it initializes the counter.
    package static func beginCounting() { requests.store(0, ordering: .relaxed) }

    /// Counts a request; for signal handlers.
    /// - Returns: the number of requests.
    package static func request() -> Int { requests.add(1, ordering: .acquiringAndReleasing).newValue }

    /// Runs a function during which SIGINT, SIGTERM and SIGHUP are only counted, so that it can clean up. Not for
    /// processes that handle these signals in another way.
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
