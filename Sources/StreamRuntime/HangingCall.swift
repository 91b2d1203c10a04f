import Locks
package import ProducerInterface
import Synchronization
package import SystemCalls

/// A call of a non-blocking producer that has not returned for so long that its loop went on without it.
package struct HangingCall: Sendable {
    package let plugin: String
    package let producer: String
    package let generation: Int
    /// "next".
    package let function: String
    package let stream: StreamToken
    package let since: MonotonicNanoseconds
}

/// The calls that hang now; any thread.
final class HangingCalls: Sendable {
    private struct State {
        var calls: [HangingCall] = []
        var tell: @Sendable ([HangingCall]) -> Void = { _ in }
    }

    private let state = Mutex(State())

    /// The oldest first.
    var all: [HangingCall] { state.withLock(\.calls) }

    func add(_ call: HangingCall) { change { $0.append(call) } }

    func remove(_ stream: StreamToken) { change { $0.removeAll { $0.stream == stream } } }

    /// - Parameter tell: is called with all of them whenever one is added or removed, in the order of the changes.
    func observe(_ tell: @escaping @Sendable ([HangingCall]) -> Void) { state.withLock { $0.tell = tell } }

    /// Tells within the lock, so that what is told keeps its order.
    private func change(_ change: (inout [HangingCall]) -> Void) {
        state.withLock { state in
            let before = state.calls.count
            change(&state.calls)
            if state.calls.count != before { state.tell(state.calls) }
        }
    }
}

/// What a loop leaves to the thread that has lost it: with this that thread goes on as the stream's own, once its call returns.
final class LeftStreams: @unchecked Sendable {
    // Unchecked: what changes is only touched within `condition.withLock`.
    private let condition = Condition()
    private var left: [UInt64: LeftStream] = [:]

    /// The loop's new thread, once it has everything in order.
    func leave(_ stream: LeftStream, to call: UInt64) {
        condition.withLock {
            left[call] = stream
            condition.broadcast()
        }
    }

    /// The thread that has lost the loop: waits for what is left to it.
    func take(_ call: UInt64) -> LeftStream {
        condition.withLock {
            while true {
                if let stream = left.removeValue(forKey: call) { return stream }
                condition.wait(until: .max)
            }
        }
    }
}

/// What one stream was in when its loop went on without the thread that is in its call.
final class LeftStream {
    let token: StreamToken
    let entry: ProducerEntry
    let function: CallMark.Function
    let handoff: Handoff
    /// Of a `next`: where it puts what it makes.
    let frames: EncodedFrames?
    let state: ProducerState
    let phase: StreamLife.Phase
    /// What `close` was told.
    let reason: CloseReason?
    /// When the call began.
    let since: MonotonicNanoseconds
    private var place: ThreadPlace?

    init(
        token: StreamToken, entry: ProducerEntry, function: CallMark.Function, handoff: Handoff, frames: EncodedFrames?,
        state: ProducerState, phase: StreamLife.Phase, reason: CloseReason?, since: MonotonicNanoseconds,
        place: consuming ThreadPlace?
    ) {
        self.token = token
        self.entry = entry
        self.function = function
        self.handoff = handoff
        self.frames = frames
        self.state = state
        self.phase = phase
        self.reason = reason
        self.since = since
        self.place = place
    }

    /// For the thread that goes on with the stream.
    func takePlace() -> ThreadPlace? { place.take() }
}
