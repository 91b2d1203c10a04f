/// What happens to an event if a stream's queue has no room.
package enum OverflowPolicy: Sendable, Equatable {
    /// The event is not taken, and the stream is woken when there is room.
    case refuse
    /// The event is not taken.
    case dropNewest
    /// The event is taken, and the oldest ones in the queue are dropped for it.
    case dropOldest
    /// The stream ends with this failure.
    case fail(StreamFailure)
}

package enum EmitOutcome: Sendable, Equatable {
    case accepted
    /// The event was taken, and this many older ones were dropped for it.
    case displaced(Int)
    /// The queue is full, and the event was not taken.
    case full
    case over
    /// `encode` returned `false`.
    case invalid
}
