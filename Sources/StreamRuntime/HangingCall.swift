import Locks
package import ProducerInterface
import Synchronization
package import SystemCalls

/// A call of a non-blocking producer that has taken so long that its loop continued without it.
package struct HangingCall: Sendable {
    package let plugin: String
    package let producer: String
    package let generation: Int
    /// For example "next".
    package let function: String
    package let stream: StreamToken
    package let since: MonotonicNanoseconds
}

/// The calls that are hanging now. Any thread can use it.
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

    /// - Parameter tell: called with all of them whenever one is added or removed, in the order of the changes.
    func observe(_ tell: @escaping @Sendable ([HangingCall]) -> Void) { state.withLock { $0.tell = tell } }

    /// Reports under the lock, so that the reports keep the order of the changes.
    private func change(_ change: (inout [HangingCall]) -> Void) {
        state.withLock { state in
            let before = state.calls.count
            change(&state.calls)
            if state.calls.count != before { state.tell(state.calls) }
        }
    }
}

/// What a loop leaves to a thread that has lost it. Once its call returns, that thread continues with this as the
/// stream's own.
final class LeftStreams: @unchecked Sendable {
    // Unchecked: all mutable state is only touched within `condition.withLock`.
    private let condition = Condition()
    private var left: [UInt64: LeftStream] = [:]

    /// Called by the loop's new thread, once everything is in order.
    func leave(_ stream: LeftStream, to call: UInt64) {
        condition.withLock {
            left[call] = stream
            condition.broadcast()
        }
    }

    /// Called by the thread that has lost the loop: waits for what is left to it.
    func take(_ call: UInt64) -> LeftStream {
        condition.withLock {
            while true {
                if let stream = left.removeValue(forKey: call) { return stream }
                condition.wait(until: .max)
            }
        }
    }
}

/// The state of a stream whose loop continued without the thread that is in the stream's call.
final class LeftStream {
    let token: StreamToken
    let entry: ProducerEntry
    let function: CallMark.Function
    let handoff: Handoff
    /// Of a `next`: where it puts its events.
    let frames: EncodedFrames?
    let state: ProducerState
    let phase: StreamLife.Phase
    /// The reason that `close` was given.
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

    /// For the thread that continues the stream.
    func takePlace() -> ThreadPlace? { place.take() }
}
