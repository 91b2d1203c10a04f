package import EventStream

/// What a running stream offers to its producer. Every call is right from any thread, and harmless for a stream that is over.
package protocol StreamServices: AnyObject, Sendable {
    /// `pull` is worth calling again.
    /// - Returns: `false` if the stream is over.
    @discardableResult func wake(_ stream: StreamToken) -> Bool

    /// Takes one encoded event into the stream's bounded queue, or does what the policy says; never blocks.
    /// - Parameter encode: appends exactly one frame; is not called if the queue is full and the event not to be taken.
    func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome

    /// Moves what the stream's own `pull` has emitted, since it was called and on the calling thread, behind what that has encoded: what is
    /// emitted within `next` comes before the event that this one returns, and so before those of later ones.
    func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer)

    /// Blocks the calling stream's thread.
    /// - Returns: `false` when the stream must end; `nil` when it lives on a loop, or is over, and must not sleep.
    func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool?

    /// `true` also for a stream that is over.
    func isCancelled(_ stream: StreamToken) -> Bool

    /// `false` for a stream that is over: its handle is stale.
    func isLive(_ stream: StreamToken) -> Bool

    /// Whose stream it is, for the log and for what `emit` has to check; `nil` for a stream that is over.
    /// It is known from before `open` is called until after `close` is complete.
    func producer(of stream: StreamToken) -> (any EventProducer)?

    /// Answers a pending open. It may come a moment before that `open` has returned `.pending` to its caller. A refusal makes the token
    /// stale, and waits until no `interrupt` and no scheduled call of the stream runs any more, but for one that it is called from.
    /// - Returns: `false` if none was pending.
    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool

    /// Completes a close that answered "not yet". It may come before that close has returned. The token is stale from here on; waits as
    /// `opened` does.
    /// - Returns: `false` if none is in progress.
    func closed(_ stream: StreamToken) -> Bool

    /// Has the producer `perform` a call where the stream lives.
    func schedule(_ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall) -> ScheduleOutcome
}

extension StreamServices {
    /// `emit` as a producer asks for it by itself: it is told when the queue is full.
    package func emit(_ stream: StreamToken, _ encode: (inout FrameBuffer) -> Bool) -> EmitOutcome {
        emit(stream, whenFull: .refuse, encode)
    }
}
