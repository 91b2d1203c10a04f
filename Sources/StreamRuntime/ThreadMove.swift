import ProducerInterface
import StreamLoop

/// A stream that lived on the loop and moves to a thread of its own.
struct ThreadMove: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Gives the stream a thread, because its producer stalls.
    /// - Returns: `false` if no thread is available: then the stream stays.
    func move() -> Bool {
        guard let place = ThreadPlace.take(in: counts) else { return false }
        let token = token
        let handoff = becomeThreaded()
        handoff.attach()
        let running = StreamThread.Beginning.running(state: stream.state)
        if StreamThread.start(token, entry, handoff, streams, running, on: place) { return true }
        // If no thread can be started, everything stays as it was. The pull that follows makes up for a wake that went
        // to the handoff.
        stream.isThreaded = false
        table.withGate(slot) { $0.isThreaded = false }
        for call in handoff.becomeThreadless() {
            streams.scheduled.add(to: self, due: call.due, call.call)
        }
        return false
    }

    /// From now on, the stream lives on a thread, with everything that was scheduled for it.
    func becomeThreaded() -> Handoff {
        let (isMarked, limitBytes) = (entry.description.isShared, limits.handoffBytes)
        let handoff = table.withGate(slot) { gate in
            let handoff = gate.handoff ?? Handoff(limitBytes: limitBytes, isMarked: isMarked)
            gate.handoff = handoff
            gate.isThreaded = true
            return handoff
        }
        handoff.becomeThreaded(with: streams.scheduled.remove(of: self))
        row.pointee.handoff = handoff
        stream.isThreaded = true
        return handoff
    }
}
