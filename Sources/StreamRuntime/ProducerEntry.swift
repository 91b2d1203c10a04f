package import ProducerInterface
import Synchronization
package import SystemCalls

/// One producer of one generation, as the runtime keeps it: its description, and the ledger of its streams.
package final class ProducerEntry: Sendable {
    package let producer: any EventProducer
    package let description: ProducerDescription
    package let generation: Generation
    let tallies = LoopTallies()
    private let opens = Atomic<Int>(0)
    private let closes = Atomic<Int>(0)
    private let habit = Mutex(StallHabit())
    /// Until when its streams need threads because of its stalls, and until when they cannot do without because a call
    /// hung.
    private let distrustedUntil = Atomic<Int64>(0)
    private let hungUntil = Atomic<Int64>(0)
    private let reasons = Mutex([Int](repeating: 0, count: CloseReason.allCases.count + 1))
    private let leaves = Mutex([Int](repeating: 0, count: CloseReason.allCases.count + 1))
    /// The entry of a newer generation that continues its streams.
    private let next = Mutex<ProducerEntry?>(nil)
    /// The entry of the previous generation.
    private let former = Mutex<ProducerEntry?>(nil)
    /// Streams that no newer generation accepted, or that failed there immediately.
    private let kept = Atomic<Int>(0)
    private let superseded = Atomic<Int>(0)
    private let finished = Atomic<Int>(0)
    /// Streams that hold a place: from before `open` to after `close`.
    private let places = Atomic<Int>(0)

    package init(producer: any EventProducer, generation: Generation) {
        self.producer = producer
        description = producer.description
        self.generation = generation
    }

    /// Its streams live on threads, because it says so or because it stalls loops habitually.
    package func usesThreads(at now: MonotonicNanoseconds) -> Bool {
        !description.isNonblocking || now < distrustedUntil.load(ordering: .relaxed)
    }

    /// Its streams cannot live on a loop, even if there is no thread for them.
    func needsThreads(at now: MonotonicNanoseconds) -> Bool {
        !description.isNonblocking || now < hungUntil.load(ordering: .relaxed)
    }

    /// Where its streams continue if they can; `nil` for an entry that serves, or whose streams cannot be continued.
    var successor: ProducerEntry? { next.withLock { $0 } }
    /// Its successor, or itself. It is the same for all entries whose streams continue in the same place.
    var newest: ProducerEntry { successor ?? self }

    /// - Parameter successor: `nil`: its streams stay.
    func setSuccessor(_ successor: ProducerEntry?) { next.withLock { $0 = successor } }

    /// Where its streams fall back to if they fail immediately: the previous generation during the trial; after a
    /// rollback, the generation that serves instead.
    var fallback: ProducerEntry? {
        switch generation.trial?.verdict {
        case .open: former.withLock { $0 }
        case .failed: former.withLock { $0 } ?? successor
        case .passed, nil: nil
        }
    }

    /// - Parameter entry: belongs to a generation that is held meanwhile; `nil`: the trial is over.
    func setFallback(_ entry: ProducerEntry?) { former.withLock { $0 = entry } }

    /// Its streams can be continued by those of the other: both are resumable, and both or neither are shared.
    func canContinue(in other: ProducerEntry) -> Bool {
        description.isResumable && other.description.isResumable && description.isShared == other.description.isShared
            && description.name == other.description.name
    }

    /// It is the same producer of the previous generation: while the other is on trial, it shows whether what fails
    /// there fails here, too.
    func canStandIn(for other: ProducerEntry) -> Bool {
        description.name == other.description.name && description.isShared == other.description.isShared
    }

    /// Whether the requests of its streams are kept until their first events, so that they can be repeated in the
    /// previous generation.
    var isOnTrial: Bool { generation.trial?.verdict == .open }

    /// Events that streams accepted while they changed over and left to their successors, which produce them again.
    package var supersededEvents: Int { superseded.load(ordering: .relaxed) }

    /// How often a stream of this producer stayed or returned because a newer generation did not open it, or because it
    /// failed there immediately.
    package var keptStreams: Int { kept.load(ordering: .relaxed) }

    /// Opens that answered OK, closes, and the difference.
    package struct Ledger: Sendable, Equatable {
        package let opens: Int
        package let closes: Int
        package var open: Int { opens - closes }
        /// Closes by reason; reasons that never occurred are left out.
        package let reasons: [CloseReason: Int]
    }

    package var ledger: Ledger {
        let counts = reasons.withLock { $0 }
        let closes = closes.load(ordering: .acquiring)
        return Ledger(
            opens: opens.load(ordering: .acquiring), closes: closes,
            reasons: Dictionary(
                uniqueKeysWithValues: CloseReason.allCases.map { ($0, counts[Int($0.rawValue)]) }.filter { $0.1 > 0 }))
    }

    /// Subscribers of shared streams that have left, by reason; reasons that never occurred are left out.
    package var leavesByReason: [CloseReason: Int] {
        let counts = leaves.withLock { $0 }
        return Dictionary(
            uniqueKeysWithValues: CloseReason.allCases.map { ($0, counts[Int($0.rawValue)]) }.filter { $0.1 > 0 })
    }

    // MARK: What streams report

    func takePlace(limit: Int) -> Bool {
        if places.add(1, ordering: .relaxed).newValue <= limit { return true }
        places.subtract(1, ordering: .relaxed)
        return false
    }

    /// For a stream that continues another: the other one's place becomes free soon.
    func addPlace() { places.add(1, ordering: .relaxed) }

    func freePlace() { places.subtract(1, ordering: .relaxed) }

    /// Requests with the id that marks the end of a stream; they were answered with 204.
    package var finishedRequests: Int { finished.load(ordering: .relaxed) }

    func countFinished() { finished.add(1, ordering: .relaxed) }

    /// - Returns: how many there are, including this one.
    func countKept() -> Int { kept.add(1, ordering: .relaxed).newValue }

    /// - Returns: how many there are, including these.
    func countSuperseded(_ events: Int) -> Int { superseded.add(events, ordering: .relaxed).newValue }

    func countOpen() { opens.add(1, ordering: .releasing) }

    /// A subscriber of a shared stream has left; the stream continues.
    func countLeave(_ reason: CloseReason) { leaves.withLock { $0[Int(reason.rawValue)] += 1 } }

    func countClose(_ reason: CloseReason) {
        reasons.withLock { $0[Int(reason.rawValue)] += 1 }
        closes.add(1, ordering: .releasing)
    }

    /// A call of it held its loop for too long.
    /// - Returns: for how long its streams get threads, if it does so habitually.
    func noteStall(at now: MonotonicNanoseconds) -> Nanoseconds? {
        habit.withLock { habit in
            guard let penalty = habit.stalled(at: now) else { return nil }
            distrustedUntil.store(habit.end, ordering: .relaxed)
            return penalty
        }
    }

    /// A call of it does not return.
    func noteHang(at now: MonotonicNanoseconds) {
        habit.withLock { habit in
            habit.hung(at: now)
            distrustedUntil.store(habit.end, ordering: .relaxed)
            hungUntil.store(habit.end, ordering: .relaxed)
        }
    }
}

/// The totals of a producer's generations that are over.
package struct PastLedger: Sendable, Equatable {
    package let plugin: String
    package let producer: String
    package private(set) var generations = 0
    package private(set) var opens = 0
    package private(set) var closes = 0
    package private(set) var reasons: [CloseReason: Int] = [:]
    package private(set) var leaves: [CloseReason: Int] = [:]
    package private(set) var tally = StreamTally()
    package private(set) var superseded = 0
    package private(set) var kept = 0
    package private(set) var finished = 0
    /// Since the process began, whatever the generation.
    package private(set) var callbacks = CallbackCounts()

    init(of entry: ProducerEntry) {
        plugin = entry.description.plugin
        producer = entry.description.name
    }

    mutating func add(_ entry: ProducerEntry) {
        let ledger = entry.ledger
        generations += 1
        opens += ledger.opens
        closes += ledger.closes
        reasons.merge(ledger.reasons, uniquingKeysWith: +)
        leaves.merge(entry.leavesByReason, uniquingKeysWith: +)
        // All of its streams are over.
        tally.add(entry.tallies.sum)
        superseded += entry.supersededEvents
        kept += entry.keptStreams
        finished += entry.finishedRequests
        callbacks = entry.producer.callbackCounts
    }
}
