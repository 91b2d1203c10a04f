import EventStream
import ProducerInterface
import StreamLoop

/// What a stream has yielded and the loop has not passed on yet: what was emitted, what its thread has produced, and
/// what `next` yields when it is called.
struct StreamQueue: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Fills the output with what is available: what was emitted, and what `next` yields if it is due.
    @inline(__always)
    func fetch() -> ProducerCalls.Pulled {
        if let end = take() { return .end(end) }
        // On a thread, the stream continues by itself; what was emitted before must still be sent.
        guard stream.isPullDue(at: loop.now), output.count < LoopStreams.batchBytes, !movesToThread else {
            return .all
        }
        let pulled = streams.calls.pull(self)
        if case .all = pulled { StreamEnding(self).noteWaiting() }
        return pulled
    }

    /// Moves the stream to a thread if its producer stalls loops and a thread can be started.
    private var movesToThread: Bool { entry.usesThreads(at: loop.now) && ThreadMove(self).move() }

    /// Moves what `emit` and the stream's thread have left into the output.
    func take() -> StreamEnd? {
        guard let handoff = row.pointee.handoff, !stream.isResting else { return nil }
        let taken = handoff.take(into: &output)
        if taken.isRoomWanted, stream.phase == .open, !stream.isThreaded, entry.description.hasNext {
            stream.nextDue = 0
        }
        if taken.isRoomWanted, stream.isThreaded { handoff.wakeThread() }
        switch taken.finish {
        case nil: return taken.overflow.map(StreamEnd.overflowed)
        case .ended: return .completed
        case .failed(let failure): return .failed(failure)
        }
    }

    /// The queue, which an emit may have made just now.
    func find() -> Handoff? {
        let handoff = table.withGate(slot) { $0.handoff }
        row.pointee.handoff = handoff
        return handoff
    }

    /// Adds what was emitted and not sent yet to the output. From now on, nothing more can be emitted.
    func stopEmitting() {
        // An emit may have made the queue just now.
        row.pointee.handoff = table.withGate(slot) { gate in
            gate.isCancelled = true
            return gate.handoff
        }
        if let handoff = row.pointee.handoff {
            handoff.end()
            _ = handoff.take(into: &output)
        }
    }

    /// Adds what was emitted and not sent yet to the output, and counts all of it, before the stream is closed and
    /// logged. From then on nothing can be emitted, so everything that was accepted is also sent.
    func takeProduced() {
        stopEmitting()
        count()
    }

    /// Adds the producer's frames in the output to the stream's count.
    func count() {
        if stream.events == 0, output.frameCount > 0 { StreamEnding(self).noteSuccess() }
        let bytes = output.count - output.frameCount * Chunk.overhead
        stream.events += output.frameCount
        stream.bytes += bytes
        let tally = tally
        tally.pointee.events += output.frameCount
        // Those of a shared stream are counted where they are delivered.
        if row.pointee.role == .exclusive {
            tally.pointee.deliveries += output.frameCount
            tally.pointee.bytes += bytes
        }
        if output.newestRetryMilliseconds >= 0 { connection.form.insert(.hasProducersRetry) }
        if output.frameCount > 0 { row.pointee.resumption?.note(output.newestID) }
    }
}
