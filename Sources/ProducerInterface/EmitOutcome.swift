/// What becomes of an event for which a stream's queue has no room.
package enum OverflowPolicy: Sendable, Equatable {
    /// It is not taken, and the stream is woken when there is room.
    case refuse
    /// It is not taken, and nothing more.
    case dropNewest
    /// It is taken, and the oldest ones in the queue give it room.
    case dropOldest
    /// The stream ends as failed; its subscriber is told this.
    case fail(StreamFailure)
}

package enum EmitOutcome: Sendable, Equatable {
    case accepted
    /// It was taken, and so many older ones were dropped for it.
    case displaced(Int)
    /// The queue is full, and the event was not taken.
    case full
    case over
    /// `encode` answered false.
    case invalid
}
