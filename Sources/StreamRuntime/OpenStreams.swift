import Locks
package import ProducerInterface
import StreamLoop
import Synchronization
package import SystemCalls

/// The open streams of one generation.
package struct GenerationStreams: Sendable, Equatable {
    /// Streams between their `open` and their `close`; a shared one counts once.
    package var streams = 0
    package var subscribers = 0
    /// Those of them whose connection belongs to a channel of the front door, and those that have none yet.
    package var channels = 0
    package var waiting = 0
    /// A few of them, the oldest first.
    package var holders: [StreamHolder] = []
}

/// A stream that keeps its generation from ending.
package struct StreamHolder: Sendable, Equatable {
    package let stream: StreamToken
    package let producer: String
    package let isShared: Bool
    /// `nil` for a shared stream, and for one whose subscriber has left.
    package let peer: String?
    /// Since its `open` was called or, if that has answered, since the answer.
    package let age: Nanoseconds
}

/// The streams that are open at one moment, by the generation whose code they run.
struct OpenStreams: Sendable {
    /// What the loops have counted of each producer that was asked for.
    private(set) var tallies: [ObjectIdentifier: StreamTally] = [:]
    /// What all hubs keep.
    private(set) var histories: [ProducerName: HistoryFigures] = [:]
    private var shares: [ObjectIdentifier: GenerationStreams] = [:]

    func of(_ generation: Generation) -> GenerationStreams {
        shares[ObjectIdentifier(generation)] ?? GenerationStreams()
    }

    mutating func add(_ other: [ObjectIdentifier: GenerationStreams], holdersMax: Int) {
        for (generation, share) in other {
            var sum = shares[generation] ?? GenerationStreams()
            sum.streams += share.streams
            sum.subscribers += share.subscribers
            sum.channels += share.channels
            sum.waiting += share.waiting
            sum.holders = Array(
                (sum.holders + share.holders).sorted { $0.age > $1.age }.prefix(holdersMax))
            shares[generation] = sum
        }
    }

    /// On a loop's thread: adds what that loop has counted, and the histories of the hubs whose home it is.
    mutating func add(countedBy streams: LoopStreams, of entries: [ProducerEntry], _ hubs: [Hub]) {
        for entry in entries {
            guard let tally = entry.tallies.counted(by: streams.loop.index) else { continue }
            tallies[ObjectIdentifier(entry), default: StreamTally()].add(tally)
        }
        for hub in hubs where hub.home == streams.loop.index {
            let name = ProducerName(plugin: hub.key.plugin, producer: hub.key.producer)
            var held = histories[name] ?? HistoryFigures()
            held.hubs += 1
            held.events += Int(hub.master.history.end - hub.master.history.first)
            held.bytes += hub.master.history.byteCount
            histories[name] = held
        }
    }
}

extension Runtime {
    /// Asks each loop for its streams, a few thousand at a time, so that no stream is delayed.
    /// - Parameters:
    ///   - entries: the producers whose tallies are wanted.
    ///   - holdersMax: how many of the oldest streams of each generation are named.
    ///   - done: called once, on a loop's thread.
    func gatherOpenStreams(
        of entries: [ProducerEntry] = [], holdersMax: Int = 3, _ done: @escaping @Sendable (OpenStreams) -> Void
    ) {
        let gathering = OpenStreamsGathering(
            loops: loops.count, entries: entries, hubs: directory.hubs, holdersMax: holdersMax, done: done)
        for streams in loops { streams.loop.post { gathering.look(at: streams, from: 1) } }
    }

    /// Any thread except the loops'.
    /// - Returns: `nil` if a loop has not answered in time, because a producer delays it.
    func openStreams(of entries: [ProducerEntry], waiting seconds: Int) -> OpenStreams? {
        let answer = OpenStreamsAnswer()
        gatherOpenStreams(of: entries) { answer.take($0) }
        return answer.wait(seconds: seconds)
    }
}

/// Receives the answer, if that arrives in time.
private final class OpenStreamsAnswer: Sendable {
    private let streams = Mutex<OpenStreams?>(nil)
    private let isThere = Semaphore()

    func take(_ streams: OpenStreams) {
        self.streams.withLock { $0 = streams }
        isThere.post()
    }

    func wait(seconds: Int) -> OpenStreams? {
        _ = isThere.wait(seconds: seconds)
        return streams.withLock { $0 }
    }
}

/// Adds up the answers of the loops.
private final class OpenStreamsGathering: Sendable {
    private let holdersMax: Int
    private let entries: [ProducerEntry]
    private let hubs: [Hub]
    private let done: @Sendable (OpenStreams) -> Void
    private let state: Mutex<(streams: OpenStreams, missing: Int)>

    init(
        loops: Int, entries: [ProducerEntry], hubs: [Hub], holdersMax: Int,
        done: @escaping @Sendable (OpenStreams) -> Void
    ) {
        self.entries = entries
        self.hubs = hubs
        self.holdersMax = holdersMax
        self.done = done
        state = Mutex((OpenStreams(), loops))
    }

    private static let rowsPerTurn: UInt32 = 4096

    func look(at streams: LoopStreams, from start: UInt32) {
        let end = max(1, min(streams.table.end, start + Self.rowsPerTurn))
        var shares: [ObjectIdentifier: GenerationStreams] = [:]
        for slot in start..<max(start, end) { count(slot, of: streams, in: &shares) }
        guard end < streams.table.end else { return add(shares, last: streams) }
        add(shares)
        streams.loop.post { self.look(at: streams, from: end) }
    }

    private func count(
        _ slot: UInt32, of streams: LoopStreams, in shares: inout [ObjectIdentifier: GenerationStreams]
    ) {
        let (row, loop) = (streams.table[slot], streams.loop)
        guard let entry = row.pointee.entry, !row.pointee.isOver else { return }
        var share = shares[ObjectIdentifier(entry.generation)] ?? GenerationStreams()
        defer { shares[ObjectIdentifier(entry.generation)] = share }
        if row.pointee.connection.link != .none {
            share.subscribers += 1
            if row.pointee.sink != nil { share.channels += 1 }
            if row.pointee.connection.link == .waiting { share.waiting += 1 }
        }
        guard row.pointee.role != .hubSubscriber else { return }
        share.streams += 1
        let age = loop.now - row.pointee.since
        if share.holders.count == holdersMax {
            guard let youngest = share.holders.last, age > youngest.age else { return }
            share.holders.removeLast()
        }
        let descriptor = row.pointee.connection.descriptor
        var peer = descriptor >= 0 ? loop.system.peerName(of: descriptor) : nil
        if row.pointee.connection.link == .waiting { peer = row.pointee.opening?.peer }
        let holder = StreamHolder(
            stream: streams.token(slot), producer: entry.description.name,
            isShared: row.pointee.role == .hubStream, peer: peer, age: age)
        let place = share.holders.firstIndex { $0.age < age } ?? share.holders.count
        share.holders.insert(holder, at: place)
    }

    /// - Parameter streams: the loop, when all of its rows were looked at.
    private func add(_ shares: [ObjectIdentifier: GenerationStreams], last streams: LoopStreams? = nil) {
        let whole = state.withLock { state -> OpenStreams? in
            state.streams.add(shares, holdersMax: holdersMax)
            if let streams {
                state.streams.add(countedBy: streams, of: entries, hubs)
                state.missing -= 1
            }
            return state.missing == 0 ? state.streams : nil
        }
        if let whole { done(whole) }
    }
}
