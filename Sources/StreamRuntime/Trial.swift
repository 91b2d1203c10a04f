import Synchronization
package import SystemCalls

/// The trial of a generation that has replaced another: whether its streams live, or fail one after the other.
///
/// Any thread can use it. One success settles the trial: a stream that has produced an event, or has ended by itself
/// without a failure. A failure counts only if the stream does not also fail in the previous generation.
package final class Trial: Sendable {
    package struct Rules: Sendable, Equatable {
        /// After this many failures without a success, the generation is rolled back; 0: never.
        package var failuresMax = 3
        /// How long a generation is on trial; 0: it is not.
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

    /// - Parameter whenSettled: called once, on the thread that brought the verdict about; it should only notify
    ///   another thread.
    init(failuresMax: Int, whenSettled: @escaping @Sendable () -> Void) {
        self.failuresMax = failuresMax
        self.whenSettled = whenSettled
    }

    package var verdict: Verdict { settled.load(ordering: .acquiring) }
    /// Streams that have failed so far, but not in the previous generation.
    package var failureCount: Int { failures.load(ordering: .relaxed) }

    func succeeded() { settle(.passed) }

    func failed() {
        if failures.add(1, ordering: .relaxed).newValue >= failuresMax { settle(.failed) }
    }

    private func settle(_ verdict: Verdict) {
        // Checked first, as the first event of every stream comes through here.
        guard settled.load(ordering: .relaxed) == .open else { return }
        guard settled.compareExchange(expected: .open, desired: verdict, ordering: .acquiringAndReleasing).exchanged
        else {
            return
        }
        whenSettled()
    }
}
