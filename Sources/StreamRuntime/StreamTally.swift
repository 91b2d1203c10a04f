import StreamLoop

/// What the loops count of a producer's streams, in plain integers: nothing of it is locked or atomic, because each
/// loop has its own, which only its thread touches.
package struct StreamTally: Sendable, Equatable {
    /// Events that streams have produced.
    package var events = 0
    /// Events handed to subscribers' connections: an event of a shared stream counts once for each subscriber.
    package var deliveries = 0
    /// The size of the deliveries, without the framing of HTTP.
    package var bytes = 0
    /// From the publication of a shared stream's event to its last byte being handed to the connection.
    package var deliveryTimes = TimeHistogram()
    /// Calls of `next` on loops. A call on a stream's own thread may take as long as it likes.
    package var callTimes = TimeHistogram()

    /// Subscribers of shared streams, by where they began: without an id, after the id that they gave, or after a gap.
    package var fresh = 0
    package var replayed = 0
    package var gaps = 0
    /// Subscribers that were slow: disconnected because the history had passed them or because they took nothing for
    /// the whole write deadline; and how often one skipped events.
    package var overtaken = 0
    package var blocked = 0
    package var skips = 0

    package init() {}

    package mutating func add(_ other: StreamTally) {
        events += other.events
        deliveries += other.deliveries
        bytes += other.bytes
        deliveryTimes.add(other.deliveryTimes)
        callTimes.add(other.callTimes)
        fresh += other.fresh
        replayed += other.replayed
        gaps += other.gaps
        overtaken += other.overtaken
        blocked += other.blocked
        skips += other.skips
    }
}

/// The tallies of one producer of one generation, one for each loop that has counted something.
final class LoopTallies: @unchecked Sendable {
    // Unchecked: each loop's place is only touched on its thread, and by others when nothing counts any more.
    private let places: UnsafeMutablePointer<UnsafeMutablePointer<StreamTally>?>
    /// A runtime has at most 256 loops.
    private static let loopsMax = 256

    init() {
        places = .allocate(capacity: Self.loopsMax)
        places.initialize(repeating: nil, count: Self.loopsMax)
    }

    deinit {
        for index in 0..<Self.loopsMax {
            places[index]?.deinitialize(count: 1)
            places[index]?.deallocate()
        }
        places.deallocate()
    }

    /// For the loop's thread.
    @inline(__always)
    subscript(_ loop: Int) -> UnsafeMutablePointer<StreamTally> { places[loop] ?? begin(loop) }

    /// The loop counts the first time.
    @inline(never)
    private func begin(_ loop: Int) -> UnsafeMutablePointer<StreamTally> {
        let place = UnsafeMutablePointer<StreamTally>.allocate(capacity: 1)
        place.initialize(to: StreamTally())
        places[loop] = place
        return place
    }

    /// For the loop's thread; `nil` if it has counted nothing.
    func counted(by loop: Int) -> StreamTally? { places[loop]?.pointee }

    /// The sum of all loops. Only when all streams of the generation are over, and no loop counts any more.
    var sum: StreamTally {
        var sum = StreamTally()
        for index in 0..<Self.loopsMax { if let tally = places[index] { sum.add(tally.pointee) } }
        return sum
    }
}

extension RowView {
    /// Where the loop counts the row's producer.
    @inline(__always)
    var tally: UnsafeMutablePointer<StreamTally> { entry.tallies[loop.index] }
}
