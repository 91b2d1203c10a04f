package import EventStream

/// What a running stream offers to its producer. Every call can be made from any thread, and is harmless for a stream
/// that is over.
package protocol StreamServices: AnyObject, Sendable {
    /// Reports that `pull` is worth calling again.
    /// - Returns: `false` if the stream is over.
    @discardableResult func wake(_ stream: StreamToken) -> Bool

    /// Puts one encoded event into the stream's bounded queue, or does what the policy says; never blocks.
    /// - Parameter encode: appends exactly one frame; not called if the queue is full and the policy does not take the
    ///   event.
    func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome

    /// Appends the events to `frames` that the stream's own `pull` has emitted on the calling thread since it was
    /// called: events that are emitted within `next` come before the event that it returns, and so before those of
    /// later calls.
    func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer)

    /// Blocks the calling stream's thread.
    /// - Returns: `false` if the stream must end; `nil` if it runs on a loop, or is over, and must not sleep.
    func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool?

    /// `true` also for a stream that is over.
    func isCancelled(_ stream: StreamToken) -> Bool

    /// `false` for a stream that is over: its handle is stale.
    func isLive(_ stream: StreamToken) -> Bool

    /// The stream's producer, for the log and for the checks of `emit`; `nil` for a stream that is over. It is known
    /// from before `open` is called until after `close` is complete.
    func producer(of stream: StreamToken) -> (any EventProducer)?

    /// Answers a pending open. It can be called just before that `open` has returned `.pending` to its caller. A
    /// refusal makes the token stale, and waits until no `interrupt` and no scheduled call of the stream runs any more,
    /// except for one that it is called from.
    /// - Returns: `false` if no open was pending.
    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool

    /// Completes a close that returned `false`. It can be called before that close has returned. The token is stale
    /// from here on. Waits as `opened` does.
    /// - Returns: `false` if no close is in progress.
    func closed(_ stream: StreamToken) -> Bool

    /// Makes the producer `perform` a call on the stream's loop or thread.
    func schedule(_ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall) -> ScheduleOutcome
}

extension StreamServices {
    /// `emit` as a producer calls it directly: if the queue is full, the event is refused, and the producer can see
    /// that.
    package func emit(_ stream: StreamToken, _ encode: (inout FrameBuffer) -> Bool) -> EmitOutcome {
        emit(stream, whenFull: .refuse, encode)
    }
}
