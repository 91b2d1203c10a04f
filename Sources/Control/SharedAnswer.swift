import StreamLoop
import Synchronization

/// An answer that takes a while to make, for all who ask for it: it is made on a thread of its own, one at a time, and
/// those who ask while one is being made share the next.
package final class SharedAnswer<Answer: Sendable>: Sendable {
    package typealias Taking = @Sendable (Answer) -> Void

    private struct State {
        var waiting: [Taking] = []
        var isWorking = false
    }

    private let state = Mutex(State())
    private let make: @Sendable () -> Answer
    private let otherwise: @Sendable () -> Answer
    private let start: @Sendable (@escaping @Sendable () -> Void) -> Bool

    /// - Parameters:
    ///   - otherwise: the answer if no thread can be started.
    ///   - start: runs a function on a thread of its own; `false` if that is not possible.
    ///   - make: the answer, as of now.
    package init(
        otherwise: @escaping @Sendable () -> Answer,
        start: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool = {
            startThread(named: "sluice-answer", stackBytes: 1 << 20, $0)
        }, make: @escaping @Sendable () -> Answer
    ) {
        self.make = make
        self.otherwise = otherwise
        self.start = start
    }

    /// Any thread; does not wait.
    /// - Parameter take: called once, on another thread.
    package func ask(_ take: @escaping Taking) {
        let isFirst = state.withLock { state in
            state.waiting.append(take)
            defer { state.isWorking = true }
            return !state.isWorking
        }
        guard isFirst, !start({ [self] in work() }) else { return }
        let left = state.withLock { state in
            defer { state = State() }
            return state.waiting
        }
        for take in left { take(otherwise()) }
    }

    /// Until nobody asks any more.
    private func work() {
        while true {
            let asking = state.withLock { state in
                defer { state.waiting = [] }
                state.isWorking = !state.waiting.isEmpty
                return state.waiting
            }
            guard !asking.isEmpty else { return }
            let answer = make()
            for take in asking { take(answer) }
        }
    }
}
