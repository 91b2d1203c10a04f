import EventStream
import StreamLoop

/// Counts what one subscriber of a hub is given from the history, when it catches up or begins in the past.
struct DeliveryCount: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// - Parameters:
    ///   - first: the place of the first frame that it was given.
    ///   - end: the place behind the last one.
    func add(_ replica: HubReplica, from first: Int64, to end: Int64) {
        let (history, tally) = (replica.history, tally)
        // What the history has passed was not given to it: it was told of a gap instead.
        guard first >= history.first else { return }
        for place in first..<end {
            tally.pointee.deliveries += 1
            tally.pointee.bytes += history.bytes(at: place).count - Chunk.overhead
            let published = history.publishedAt(place)
            // The age of an event from before the subscriber came says nothing about how fast it is delivered.
            if published >= row.pointee.since { tally.pointee.deliveryTimes.add(loop.now - published) }
        }
    }
}
