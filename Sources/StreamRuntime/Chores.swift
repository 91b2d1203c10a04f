import DequeModule
import ProducerInterface
import StreamLoop
import SystemCalls

/// What a loop does for many streams one after the other: in portions, at the end of its turns, so that no event has to
/// wait for all of it.
final class Chores {
    enum Chore {
        /// Continue the stream in the newest generation.
        case migrate
        /// End the stream.
        case end(CloseReason)
    }

    private var queue: Deque<(StreamToken, Chore)> = []
    /// Successors whose `open` has not answered.
    var successorsOpening = 0

    /// How many successors may be opening at a time.
    private static let successorsOpeningMax = 32
    /// How long the chores of one turn may take.
    private static let time: Nanoseconds = 1_000_000
    private static let countPerTurn = 64

    var isEmpty: Bool { queue.isEmpty }
    /// There are chores that can be done now.
    var isWaiting: Bool { !queue.isEmpty && successorsOpening < Self.successorsOpeningMax }

    func add(_ chore: Chore, for token: StreamToken) { queue.append((token, chore)) }

    /// At the end of a turn.
    /// - Returns: `false` if this thread has lost the loop.
    func run(in streams: LoopStreams) -> Bool {
        guard !queue.isEmpty else { return true }
        let began = streams.loop.updateNow()
        for _ in 0..<Self.countPerTurn {
            guard successorsOpening < Self.successorsOpeningMax, let (token, chore) = queue.popFirst() else { break }
            if let slot = streams.slot(token) {
                let migration = Migration(streams, slot)
                switch chore {
                case .migrate: if migration.isPossible { guard migration.begin() else { return false } }
                // A stream whose successor is about to open waits for the answer. If that keeps the stream, it is not
                // ended.
                case .end(.reloaded) where migration.isAboutToBeContinued: queue.append((token, chore))
                case .end(let reason):
                    if reason != .reloaded || !migration.stream.isKept { streams.end(slot, reason) }
                }
            }
            if streams.loop.updateNow() - began > Self.time { break }
        }
        return true
    }
}
