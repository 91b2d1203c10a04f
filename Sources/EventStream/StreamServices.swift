/// What a running stream offers to its producer. Every call is right from any thread, and harmless for a stream that is over.
package protocol StreamServices: AnyObject, Sendable {
    /// `pull` is worth calling again.
    /// - Returns: `false` if the stream is over.
    @discardableResult func wake(_ stream: StreamToken) -> Bool

    /// Takes one encoded event into the stream's bounded queue, or refuses it; never blocks.
    /// - Parameter encode: appends exactly one frame; is not called if the queue is full.
    func emit(_ stream: StreamToken, _ encode: (inout FrameBuffer) -> Bool) -> EmitOutcome

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

    /// Answers a pending open. It may come a moment before that `open` has returned `.pending` to its caller.
    /// - Returns: `false` if none was pending.
    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool

    /// Completes a close that answered "not yet". It may come before that close has returned.
    /// - Returns: `false` if none is in progress.
    func closed(_ stream: StreamToken) -> Bool

    /// Runs `function(context)` where the stream lives.
    /// - Returns: `false` if the stream is over.
    func schedule(
        _ stream: StreamToken, afterNanoseconds: Int64,
        _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ context: UnsafeMutableRawPointer?
    ) -> Bool
}

package enum EmitOutcome: Sendable {
    case accepted
    /// The queue is full; the stream is woken when there is room.
    case full
    case over
    /// `encode` answered false.
    case invalid
}
