package import ProducerInterface
import StreamLoop
import Synchronization

/// What streams are open at a moment, by the generation whose code they run.
package struct StreamSurvey: Sendable {
    /// One that keeps its generation from being over.
    package struct Holder: Sendable, Equatable {
        package let stream: StreamToken
        package let producer: String
        package let isShared: Bool
        /// `nil` for a shared stream, and for one whose subscriber has left.
        package let peer: String?
        /// Since its open was called, or has answered.
        package let ageNanoseconds: Int64
    }

    package struct Share: Sendable, Equatable {
        /// Between their open and their close; a shared one counts once.
        package var streams = 0
        /// Those who read them.
        package var subscribers = 0
        /// The oldest first; a few.
        package var holders: [Holder] = []
    }

    private(set) var shares: [ObjectIdentifier: Share] = [:]

    package func share(of generation: Generation) -> Share { shares[ObjectIdentifier(generation)] ?? Share() }

    mutating func add(_ other: [ObjectIdentifier: Share], holdersMax: Int) {
        for (generation, share) in other {
            var sum = shares[generation] ?? Share()
            sum.streams += share.streams
            sum.subscribers += share.subscribers
            sum.holders = Array(
                (sum.holders + share.holders).sorted { $0.ageNanoseconds > $1.ageNanoseconds }.prefix(holdersMax))
            shares[generation] = sum
        }
    }
}

extension Runtime {
    /// Asks each loop for its streams, a few thousand at a time, so that no stream waits for it.
    /// - Parameters:
    ///   - holdersMax: so many of the oldest streams of each generation are named.
    ///   - done: called once, on a loop's thread.
    package func survey(holdersMax: Int = 3, _ done: @escaping @Sendable (StreamSurvey) -> Void) {
        let gathering = SurveyGathering(loops: loops.count, holdersMax: holdersMax, done: done)
        for streams in loops { streams.loop.post { gathering.look(at: streams, from: 1) } }
    }
}

/// Adds up what the loops say.
private final class SurveyGathering: Sendable {
    private let holdersMax: Int
    private let done: @Sendable (StreamSurvey) -> Void
    private let state: Mutex<(survey: StreamSurvey, missing: Int)>

    init(loops: Int, holdersMax: Int, done: @escaping @Sendable (StreamSurvey) -> Void) {
        self.holdersMax = holdersMax
        self.done = done
        state = Mutex((StreamSurvey(), loops))
    }

    private static let rowsPerTurn: UInt32 = 4096

    func look(at streams: LoopStreams, from start: UInt32) {
        let end = max(1, min(streams.table.end, start + Self.rowsPerTurn))
        var shares: [ObjectIdentifier: StreamSurvey.Share] = [:]
        for slot in start..<max(start, end) { count(slot, of: streams, in: &shares) }
        guard end < streams.table.end else { return add(shares, isLast: true) }
        add(shares, isLast: false)
        streams.loop.post { self.look(at: streams, from: end) }
    }

    private func count(
        _ slot: UInt32, of streams: LoopStreams, in shares: inout [ObjectIdentifier: StreamSurvey.Share]
    ) {
        let (row, loop) = (streams.table[slot], streams.loop)
        guard let entry = row.pointee.entry, !row.pointee.isOver else { return }
        var share = shares[ObjectIdentifier(entry.generation)] ?? StreamSurvey.Share()
        defer { shares[ObjectIdentifier(entry.generation)] = share }
        if row.pointee.connection.link != .none { share.subscribers += 1 }
        guard row.pointee.role != .hubSubscriber else { return }
        share.streams += 1
        let age = loop.now - row.pointee.since
        if share.holders.count == holdersMax {
            guard let youngest = share.holders.last, age > youngest.ageNanoseconds else { return }
            share.holders.removeLast()
        }
        let descriptor = row.pointee.connection.descriptor
        var peer = descriptor >= 0 ? loop.system.peerName(of: descriptor) : nil
        if row.pointee.connection.link == .waiting { peer = row.pointee.opening?.peer }
        let holder = StreamSurvey.Holder(
            stream: streams.token(slot), producer: entry.description.name,
            isShared: row.pointee.role == .hubStream, peer: peer, ageNanoseconds: age)
        let place = share.holders.firstIndex { $0.ageNanoseconds < age } ?? share.holders.count
        share.holders.insert(holder, at: place)
    }

    private func add(_ shares: [ObjectIdentifier: StreamSurvey.Share], isLast: Bool) {
        let whole = state.withLock { state -> StreamSurvey? in
            state.survey.add(shares, holdersMax: holdersMax)
            if isLast { state.missing -= 1 }
            return state.missing == 0 ? state.survey : nil
        }
        if let whole { done(whole) }
    }
}
