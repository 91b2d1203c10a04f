/// A sequence of events, each created from a state that the previous one left.
///
///     unfold(3) { count in
///         defer { count -= 1 }
///         return count > 0 ? MessageEvent("\(count)") : nil
///     }
///
/// - Parameters:
///   - state: the state for the first event; nothing else may share it.
///   - next: returns the next event; `nil` ends the sequence.
public func unfold<State>(
    _ state: State, next: @escaping (inout State) async throws -> MessageEvent?
) -> Unfolding<State> {
    Unfolding(state: state, next: next)
}

/// See `unfold(_:next:)`.
public struct Unfolding<State>: AsyncSequence {
    public typealias Element = MessageEvent
    public typealias Failure = any Error

    fileprivate let state: State
    fileprivate let next: (inout State) async throws -> MessageEvent?

    public func makeAsyncIterator() -> Iterator { Iterator(state: state, step: next) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate var state: State
        fileprivate let step: (inout State) async throws -> MessageEvent?
        private var isOver = false

        fileprivate init(state: State, step: @escaping (inout State) async throws -> MessageEvent?) {
            self.state = state
            self.step = step
        }

        public mutating func next() async throws -> MessageEvent? {
            guard !isOver, !Task.isCancelled else { return nil }
            let event = try await step(&state)
            isOver = event == nil
            return event
        }
    }
}
