import Synchronization

/// What a wake of a stream needs to know, in one word without a lock: the epoch of the slot's use, whether the stream lives on its loop, and
/// whether the loop has been told of a wake and has not looked yet. So any number of wakes is one message for the loop.
///
/// No wake is lost, and none reaches another stream:
/// - Who wakes writes the word even if the mark is there already. Of that write and the loop's, which takes the mark away, one is first.
///   If it is the loop's, the mark is not there, and the loop is told anew. Otherwise the loop's comes behind it, and the `next` that
///   follows sees all that was written before the wake. A look at the word would not do: it may pass the stores before it.
/// - Each write compares the whole word. A slot that is used anew meanwhile has another epoch, and the wake finds that its stream is over.
/// - A stream whose handle is stale, and one with a thread, is not marked: who wakes it finds out under the lock of the gate. A mark from
///   before it got its thread is handed on by the loop, which has been told.
struct WakeMark: ~Copyable {
    /// The epoch in the upper half.
    private let word = Atomic<UInt64>(0)

    private static var pending: UInt64 { 1 }
    private static var direct: UInt64 { 2 }

    enum Outcome {
        /// The loop is to be told.
        case first
        case pending
        /// The stream is over, or does not live on its loop.
        case notDirect
    }

    @inline(__always)
    borrowing func set(epoch: UInt32) -> Outcome {
        var old = word.load(ordering: .relaxed)
        while true {
            guard UInt32(truncatingIfNeeded: old >> 32) == epoch, old & Self.direct != 0 else { return .notDirect }
            let (isSet, found) = word.compareExchange(
                expected: old, desired: old | Self.pending, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if isSet { return old & Self.pending == 0 ? .first : .pending }
            old = found
        }
    }

    /// The loop's.
    /// - Returns: whether it was set.
    borrowing func take() -> Bool {
        // One that is set just now is followed by a message.
        guard word.load(ordering: .relaxed) & Self.pending != 0 else { return false }
        word.bitwiseAnd(~Self.pending, ordering: .acquiringAndReleasing)
        return true
    }

    // MARK: With the lock of the gate

    /// To be set at the beginning of a use: nothing is marked then, and the stream not direct.
    var epoch: UInt32 {
        get { UInt32(truncatingIfNeeded: word.load(ordering: .relaxed) >> 32) }
        nonmutating set { word.store(UInt64(newValue) << 32, ordering: .releasing) }
    }

    /// The stream is not over, and lives on its loop.
    var isDirect: Bool {
        get { word.load(ordering: .relaxed) & Self.direct != 0 }
        nonmutating set {
            if newValue == isDirect { return }
            if newValue {
                word.bitwiseOr(Self.direct, ordering: .acquiringAndReleasing)
            } else {
                word.bitwiseAnd(~Self.direct, ordering: .acquiringAndReleasing)
            }
        }
    }
}
