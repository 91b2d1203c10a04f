import EventStream
import Locks
import ProducerInterface
import SystemCalls

/// Connects a stream's loop with other threads: the thread of a blocking stream, or any that calls `emit`. Frames go
/// one way, in a queue that is bounded in bytes; the end of the stream and what wakes it go the other way.
final class Handoff: @unchecked Sendable {
    // Unchecked: all mutable state is only touched within `condition.withLock`.
    private let condition = Condition()
    private let limitBytes: Int
    private var frames = FrameBuffer(capacity: 512, isChunked: true)
    /// An emitter was told that the queue is full.
    private var isRoomWanted = false
    private var isOver = false
    /// It was full, and by its policy the stream fails: no more frames are accepted.
    private var overflow: StreamFailure?

    /// The stream rests: frames are not taken, and an emit finds no room.
    private var isHeld = false
    /// Frames that the stream's own thread has added meanwhile.
    private var framesPutWhileHeld = 0
    private var isRestWanted = false
    /// The newest rest that the thread was asked for, and the newest that it was told of.
    private var rest = 0
    private var restAnswered = 0

    // The life of a blocking stream.
    private var isThreaded = false
    private var isAttached = false
    private var isWoken = false
    private var isClosed = false
    private var cancelReason: CloseReason?
    private var finish: Finish?
    private var openAnswer: OpenOutcome?
    private var calls = ScheduledCalls()

    /// How a producer ended its stream by itself.
    enum Finish {
        case ended
        case failed(StreamFailure)
    }

    /// - Parameter limitBytes: once the queue holds this many bytes, no further frame is accepted.
    /// - Parameter isMarked: frames are marked, as a hub needs them.
    init(limitBytes: Int, isMarked: Bool) {
        self.limitBytes = limitBytes
        frames.isMarked = isMarked
    }

    // MARK: Any thread

    /// - Returns: what became of the frame, and whether the loop must be told that there are frames.
    func emit(
        whenFull policy: OverflowPolicy = .refuse, _ encode: (inout FrameBuffer) -> Bool
    ) -> (EmitOutcome, tellLoop: Bool) {
        condition.withLock {
            if isOver || cancelReason != nil || finish != nil || overflow != nil { return (.over, false) }
            // An emitter that cannot retry is accepted even while the stream rests: if the stream continues, nothing is
            // lost.
            if isHeld, case .refuse = policy {
                isRoomWanted = true
                return (.full, false)
            }
            let before = frames.count
            if before >= limitBytes {
                switch policy {
                case .refuse:
                    isRoomWanted = true
                    return (.full, false)
                case .dropNewest:
                    return (.full, false)
                case .fail(let failure):
                    overflow = failure
                    return (.full, true)
                case .dropOldest:
                    guard encode(&frames) else { return (.invalid, false) }
                    return (.displaced(frames.removeFirstFrames(leaving: limitBytes, before: before)), false)
                }
            }
            guard encode(&frames) else { return (.invalid, false) }
            return (.accepted, before == 0)
        }
    }

    /// - Returns: `nil` if the stream has no thread of its own.
    func sleep(milliseconds: Int64) -> Bool? {
        condition.withLock {
            guard isThreaded else { return nil }
            let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
            let deadline = overflow || milliseconds < 0 ? .max : monotonicNanoseconds().addingSaturating(nanoseconds)
            while !isWoken, cancelReason == nil, monotonicNanoseconds() < deadline { condition.wait(until: deadline) }
            isWoken = false
            return cancelReason == nil
        }
    }

    func wakeThread() {
        condition.withLock {
            isWoken = true
            condition.broadcast()
        }
    }

    func answerOpen(_ outcome: OpenOutcome) {
        condition.withLock {
            openAnswer = outcome
            condition.broadcast()
        }
    }

    func signalClosed() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    func schedule(due: MonotonicNanoseconds, stream: StreamToken, _ call: ProducerCall) {
        condition.withLock {
            calls.insert(due: due, stream: stream, call)
            condition.broadcast()
        }
    }

    // MARK: The loop

    struct Taken {
        var finish: Finish?
        /// The stream must fail, whatever its producer is doing.
        var overflow: StreamFailure?
        /// An `emit` found the queue full: the stream must be woken, as there is room now.
        var isRoomWanted: Bool
    }

    /// Moves all frames to the end of `output`.
    func take(into output: inout FrameBuffer) -> Taken {
        condition.withLock {
            output.append(framesOf: frames)
            frames.removeAll()
            defer { isRoomWanted = false }
            if isThreaded { condition.broadcast() }
            return Taken(finish: finish, overflow: overflow, isRoomWanted: isRoomWanted)
        }
    }

    /// Moves all frames to the end of `output`, during a call that has emitted them.
    func takeFrames(into output: inout FrameBuffer) {
        condition.withLock {
            output.append(framesOf: frames)
            frames.removeAll()
        }
    }

    var hasOverflowed: Bool { condition.withLock { overflow != nil } }

    func becomeThreaded(with moved: [ScheduledCall]) {
        condition.withLock {
            isThreaded = true
            for call in moved { calls.insert(due: call.due, stream: call.stream, call.call) }
        }
    }

    /// No thread could be started: takes back what `becomeThreaded` moved.
    func becomeThreadless() -> [ScheduledCall] {
        condition.withLock {
            isThreaded = false
            isWoken = false
            return calls.removeAll()
        }
    }

    /// The subscriber's connection is here: events can flow.
    func attach() {
        condition.withLock {
            isAttached = true
            condition.broadcast()
        }
    }

    /// Moves all frames to the end of `output`. From now on, the frames of the stream's thread stay here, and there is
    /// no room for others.
    /// - Returns: how the stream ended, if it has.
    func hold(into output: inout FrameBuffer) -> Finish? {
        condition.withLock {
            isHeld = true
            framesPutWhileHeld = 0
            output.append(framesOf: frames)
            frames.removeAll()
            if isThreaded { condition.broadcast() }
            return finish
        }
    }

    /// How many frames the stream's thread has added since `hold`.
    var threadFramesHeld: Int { condition.withLock { framesPutWhileHeld } }

    /// Asks the stream's thread to rest once its `next` has returned.
    /// - Returns: the number of this rest.
    func wantRest() -> Int {
        condition.withLock {
            rest += 1
            isRestWanted = true
            condition.broadcast()
            return rest
        }
    }

    /// The stream continues.
    func endRest() {
        condition.withLock {
            isHeld = false
            isRestWanted = false
            condition.broadcast()
        }
    }

    /// The stream must end.
    func cancel(_ reason: CloseReason) {
        condition.withLock {
            if finish == nil, cancelReason == nil { cancelReason = reason }
            condition.broadcast()
        }
    }

    /// No more frames are accepted.
    func end() { condition.withLock { isOver = true } }

    // MARK: The stream's thread

    enum Wake {
        case time
        case woken
        /// The thread is to rest, and to report it with this number.
        case rest(Int)
        case call(ScheduledCall)
        case cancelled(CloseReason)
    }

    /// Waits for the deadline, a wake, a scheduled call that is due, or the end.
    func wait(until deadline: MonotonicNanoseconds) -> Wake {
        condition.withLock {
            while true {
                if let cancelReason { return .cancelled(cancelReason) }
                if isRestWanted, restAnswered != rest {
                    restAnswered = rest
                    return .rest(rest)
                }
                let now = monotonicNanoseconds()
                if let call = calls.popDue(at: now) { return .call(call) }
                if isWoken {
                    isWoken = false
                    return .woken
                }
                if now >= deadline { return .time }
                condition.wait(until: min(deadline, calls.earliest))
            }
        }
    }

    /// Waits until the rest is over, another one begins, or the stream must end.
    /// - Returns: a scheduled call to run meanwhile; `nil` when the wait is over.
    func waitWhileResting() -> ScheduledCall? {
        condition.withLock {
            while isRestWanted, restAnswered == rest, cancelReason == nil {
                if let call = calls.popDue(at: monotonicNanoseconds()) { return call }
                condition.wait(until: calls.earliest)
            }
            return nil
        }
    }

    /// Waits until the connection is there, or the stream must end.
    /// - Returns: a scheduled call to run meanwhile; `nil` when the wait is over.
    func waitUntilAttached() -> ScheduledCall? {
        condition.withLock {
            while !isAttached, cancelReason == nil {
                if let call = calls.popDue(at: monotonicNanoseconds()) { return call }
                condition.wait(until: calls.earliest)
            }
            return nil
        }
    }

    /// What ends a wait for an answer: the answer, or a scheduled call.
    enum Answer {
        case open(OpenOutcome)
        case call(ScheduledCall)
    }

    func waitForOpenAnswer() -> Answer {
        condition.withLock {
            while true {
                if let openAnswer { return .open(openAnswer) }
                if let call = calls.popDue(at: monotonicNanoseconds()) { return .call(call) }
                condition.wait(until: calls.earliest)
            }
        }
    }

    /// Waits until `closed` is called.
    /// - Returns: a scheduled call to run meanwhile; `nil` when the wait is over.
    func waitUntilClosed() -> ScheduledCall? {
        condition.withLock {
            while !isClosed {
                if let call = calls.popDue(at: monotonicNanoseconds()) { return call }
                condition.wait(until: calls.earliest)
            }
            return nil
        }
    }

    /// Adds frames, once there is room.
    /// - Returns: the reason to end, if that came first; and whether the loop must be told that there are frames.
    func put(_ new: borrowing FrameBuffer) -> (CloseReason?, tellLoop: Bool) {
        condition.withLock {
            while frames.count >= limitBytes, cancelReason == nil { condition.wait(until: .max) }
            if let cancelReason { return (cancelReason, false) }
            let wasEmpty = frames.isEmpty
            frames.append(framesOf: new)
            if isHeld { framesPutWhileHeld += new.frameCount }
            return (nil, wasEmpty && !new.isEmpty)
        }
    }

    /// The producer ended its stream by itself.
    /// - Returns: the reason that the loop gave before, if any: then that is the real one.
    func finish(_ end: Finish) -> CloseReason? {
        condition.withLock {
            if let cancelReason { return cancelReason }
            finish = end
            return nil
        }
    }

    var isCancelled: CloseReason? { condition.withLock { cancelReason } }
}

extension Int64 {
    /// The sum, or the largest number if the sum does not fit: for a deadline, "never".
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
