import ProducerInterface
import StreamLoop
import SystemCalls

/// What a stream, or a subscriber of a shared stream, occupies while it lives: a place among all streams, a place of
/// its producer, a use of its generation, and a use of its hub. Only this type takes them and gives them back. What the
/// value still holds when it ends is given back.
///
/// With its place among all streams, a stream leaves those of its client (`ClientPlaces`). A stream that continues
/// another one has the same client's places.
///
/// While the stream lives, its row holds them, and the row's role says which: the value has been settled, and is made
/// again from the row when the stream is over.
struct Admission: ~Copyable {
    private struct Held: OptionSet {
        let rawValue: UInt8
        static let stream = Held(rawValue: 1)
        static let producer = Held(rawValue: 2)
        static let generation = Held(rawValue: 4)
        static let hub = Held(rawValue: 8)
    }

    let entry: ProducerEntry
    private let streams: LoopStreams
    /// The row from which the value was made.
    private let row: UnsafeMutablePointer<StreamRow>?
    private var hub: Hub?
    private var held: Held = []

    /// Holds nothing yet.
    /// - Parameter streams: any loop of the runtime.
    init(of entry: ProducerEntry, in streams: LoopStreams) {
        (self.entry, self.streams, row) = (entry, streams, nil)
    }

    /// Everything that a row holds, except its hub, which a subscriber leaves earlier.
    init(heldBy row: UnsafeMutablePointer<StreamRow>, in streams: LoopStreams) {
        (entry, self.streams, self.row) = (row.pointee.entry!, streams, row)
        // The producer's places of a hub are held by its subscribers.
        held = row.pointee.role == .hubStream ? [.stream, .generation] : [.stream, .producer, .generation]
    }

    deinit {
        if held.contains(.hub), let hub, streams.directory.leave(hub) {
            let home = streams.peers.loops[hub.home]
            home.loop.post { HubHome(home, hub).unused() }
        }
        free([.producer, .stream])
        // Last, as this can end the generation.
        if held.contains(.generation) { entry.generation.leave() }
    }

    // MARK: Taking

    /// Takes a place among all streams and a place of the producer.
    mutating func takePlaces(_ limits: Limits) throws(Overload) {
        guard takeStream() else { throw Overload(limit: "max-streams") }
        guard entry.takePlace(limit: limits.maxStreamsPerProducer) else {
            throw Overload(limit: "max-streams-per-producer")
        }
        held.insert(.producer)
    }

    /// - Returns: `false` if the limit is reached.
    mutating func takeStream() -> Bool {
        guard streams.counts.takeStream() else { return false }
        held.insert(.stream)
        return true
    }

    /// Takes the places of a stream that continues another, regardless of the limits: the other one's places become
    /// free soon.
    mutating func addPlaces() {
        streams.counts.addStream()
        entry.addPlace()
        held.formUnion([.stream, .producer])
    }

    /// - Returns: `false` if the generation has been shut down: none of its code may run any more.
    mutating func enterGeneration() -> Bool {
        guard entry.generation.enter() else { return false }
        held.insert(.generation)
        return true
    }

    /// Notes that the directory has counted it among the users of a hub.
    mutating func use(_ hub: Hub) {
        self.hub = hub
        held.insert(.hub)
    }

    // MARK: Moving

    /// From now on, a row holds all of it.
    consuming func settle() { held = [] }

    /// Makes a subscriber's row belong to another producer's entry, if the generation of that entry can still be
    /// entered.
    static func move(_ row: UnsafeMutablePointer<StreamRow>, to entry: ProducerEntry, in streams: LoopStreams) -> Bool {
        var new = Admission(of: entry, in: streams)
        guard new.enterGeneration() else { return false }
        entry.addPlace()
        var old = Admission(heldBy: row, in: streams)
        // Its place among all streams does not change.
        old.held.remove(.stream)
        row.pointee.entry = entry
        new.settle()
        return true
    }

    // MARK: Giving back

    /// Gives the places back, before the rest.
    mutating func freePlaces() {
        free([.producer, .stream])
        held.subtract([.producer, .stream])
    }

    /// The stream becomes a hub's: its subscribers hold the producer's places.
    mutating func freeProducersPlace() {
        free(.producer)
        held.remove(.producer)
    }

    /// Frees those of these places that are held.
    private func free(_ places: Held) {
        let freed = held.intersection(places)
        if freed.contains(.producer) { entry.freePlace() }
        guard freed.contains(.stream) else { return }
        streams.counts.streamIsOver()
        row?.pointee.client = nil
    }

    /// Gives all of it back now.
    consuming func giveBack() {}
}

/// One of the threads that streams may have. It is given back when the value ends.
struct ThreadPlace: ~Copyable {
    private let counts: StreamCounts

    /// - Returns: `nil` if the limit is reached.
    static func take(in counts: StreamCounts) -> ThreadPlace? {
        counts.takeThread() ? ThreadPlace(counted: counts) : nil
    }

    /// For a stream whose producer's streams live on threads.
    /// - Returns: `nil` if it needs none, or can do without.
    static func take(for entry: ProducerEntry, in counts: StreamCounts, at now: MonotonicNanoseconds) throws(Overload)
        -> ThreadPlace?
    {
        guard entry.usesThreads(at: now) else { return nil }
        if counts.takeThread() { return ThreadPlace(counted: counts) }
        guard entry.needsThreads(at: now) else { return nil }
        throw Overload(limit: "max-threads")
    }

    /// For a stream that continues another: exceeds the limit until the other one's thread is free. A loop has few of
    /// them at a time.
    static func add(in counts: StreamCounts) -> ThreadPlace {
        counts.addThread()
        return ThreadPlace(counted: counts)
    }

    private init(counted counts: StreamCounts) { self.counts = counts }

    deinit { counts.threadIsFree() }
}
