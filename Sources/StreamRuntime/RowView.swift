import EventStream
import ProducerInterface
import StreamLoop

/// A row of a loop's table seen as one of the things that it can be: a connection, the stream of a hub, and so on. Each
/// view has the operations of one subject, on the loop's thread; all of its state is in the row.
///
/// A view is two words that are never stored. Making one, or looking at the same row as something else, costs nothing.
protocol RowView {
    var streams: LoopStreams { get }
    var slot: UInt32 { get }

    init(_ streams: LoopStreams, _ slot: UInt32)
}

extension RowView {
    /// The same row, seen as something else.
    @inline(__always)
    init(_ other: some RowView) { self.init(other.streams, other.slot) }

    @inline(__always)
    var row: UnsafeMutablePointer<StreamRow> { streams.table[slot] }

    @inline(__always)
    var stream: StreamRecord {
        _read { yield streams.table[slot].pointee.stream }
        nonmutating _modify { yield &streams.table[slot].pointee.stream }
    }

    @inline(__always)
    var connection: ConnectionRecord {
        _read { yield streams.table[slot].pointee.connection }
        nonmutating _modify { yield &streams.table[slot].pointee.connection }
    }

    /// Where frames are encoded before they are sent.
    @inline(__always)
    var output: FrameBuffer {
        _read { yield streams.outputPlace.pointee }
        nonmutating _modify { yield &streams.outputPlace.pointee }
    }

    /// For a row that is in use.
    @inline(__always)
    var entry: ProducerEntry { row.pointee.entry! }
    @inline(__always)
    var token: StreamToken { streams.token(slot) }
    @inline(__always)
    var loop: Loop { streams.loop }
    var table: StreamTable { streams.table }
    var limits: Limits { streams.limits }
    var log: StreamLog { streams.log }
    var counts: StreamCounts { streams.counts }

    /// Sets the row's one timer to the next moment at which something must be done for it.
    func reschedule() { RowTimer(self).set() }

    /// Queues the row: at the end of this turn or of the next, the stream's producer is called, or its subscriber is
    /// served.
    func queue() {
        guard !row.pointee.isQueued else { return }
        row.pointee.isQueued = true
        streams.runQueue.append(token)
    }
}
