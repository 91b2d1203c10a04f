import ProducerInterface
import StreamLoop

/// A stream that lived on the loop, on its way to a thread of its own.
struct ThreadMove: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Gives it a thread, because its producer stalls.
    /// - Returns: `false` if there is none to give: then it stays.
    func move() -> Bool {
        guard let place = ThreadPlace.take(in: counts) else { return false }
        let token = token
        let handoff = becomeThreaded()
        handoff.attach()
        let running = StreamThread.Beginning.running(state: stream.state)
        if StreamThread.start(token, entry, handoff, streams, running, on: place) { return true }
        // Without a thread to be had, everything stays as it was; a wake that went to the handoff is made good by the pull that
        // follows.
        stream.isThreaded = false
        table.withGate(slot) { $0.isThreaded = false }
        for call in handoff.becomeThreadless() {
            streams.scheduled.add(to: self, due: call.due, call.call)
        }
        return false
    }

    /// The stream lives on a thread from now on, with all that was scheduled for it.
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
