import Synchronization

/// What a wake of a stream needs to know, in one word without a lock: the epoch of the slot's use, whether the stream
/// lives on its loop, and whether the loop has been told of a wake that it has not looked at yet. So any number of
/// wakes is one message for the loop.
///
/// No wake is lost, and none reaches another stream:
/// - A thread that wakes a stream writes the word even if the mark is already set. Either this write or the loop's,
///   which clears the mark, comes first. If it is the loop's, the mark is not set, and the loop is told again.
///   Otherwise the loop's write comes after it, and the `next` that follows sees everything that was written before the
///   wake. Only reading the word would not be enough: the read can come before earlier stores.
/// - Each write compares the whole word. A slot that has been reused meanwhile has another epoch, so the wake finds
///   that its stream is over.
/// - A stream whose handle is stale, or which has a thread, is not marked: the thread that wakes it finds this out
///   under the gate's lock. A mark from before the stream got its thread is passed on by the loop, which has been told.
struct WakeMark: ~Copyable {
    /// The epoch is in the upper half.
    private let word = Atomic<UInt64>(0)

    private static var pending: UInt64 { 1 }
    private static var direct: UInt64 { 2 }

    enum Outcome {
        /// The loop must be told.
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

    /// For the loop only.
    /// - Returns: whether it was set.
    borrowing func take() -> Bool {
        // A mark that is set just now is followed by a message.
        guard word.load(ordering: .relaxed) & Self.pending != 0 else { return false }
        word.bitwiseAnd(~Self.pending, ordering: .acquiringAndReleasing)
        return true
    }

    // MARK: Under the lock of the gate

    /// Set at the beginning of a use: then nothing is marked, and the stream is not direct.
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
