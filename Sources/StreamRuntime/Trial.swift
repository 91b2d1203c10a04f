import Synchronization
package import SystemCalls

/// The first time of a generation that has replaced another: whether its streams live, or fail one after the other.
///
/// Any thread. One success settles it: a stream that has produced an event, or has come to its own end. What counts as a failure is one that the
/// generation before does not share.
package final class Trial: Sendable {
    package struct Rules: Sendable, Equatable {
        /// So many failures without a success, and the generation is taken back; 0: never.
        package var failuresMax = 3
        /// How long a generation is on trial; 0: not at all.
        package var duration: Nanoseconds = 10_000_000_000

        var isOn: Bool { failuresMax > 0 && duration > 0 }

        package init() {}

        /// No generation is ever on trial.
        package static let none: Rules = {
            var rules = Rules()
            rules.failuresMax = 0
            return rules
        }()
    }

    package enum Verdict: Int, Sendable, AtomicRepresentable {
        case open
        case passed
        case failed
    }

    package let failuresMax: Int
    private let failures = Atomic<Int>(0)
    private let settled = Atomic<Verdict>(.open)
    private let whenSettled: @Sendable () -> Void

    /// - Parameter whenSettled: is called once, by whoever brought the verdict about; should only tell another thread.
    init(failuresMax: Int, whenSettled: @escaping @Sendable () -> Void) {
        self.failuresMax = failuresMax
        self.whenSettled = whenSettled
    }

    package var verdict: Verdict { settled.load(ordering: .acquiring) }
    /// Streams that failed so far, and not in the generation before.
    package var failureCount: Int { failures.load(ordering: .relaxed) }

    func succeeded() { settle(.passed) }

    func failed() {
        if failures.add(1, ordering: .relaxed).newValue >= failuresMax { settle(.failed) }
    }

    private func settle(_ verdict: Verdict) {
        // Looked at first: on the road of every stream's first event.
        guard settled.load(ordering: .relaxed) == .open else { return }
        guard settled.compareExchange(expected: .open, desired: verdict, ordering: .acquiringAndReleasing).exchanged
        else {
            return
        }
        whenSettled()
    }
}
