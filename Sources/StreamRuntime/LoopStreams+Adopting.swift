import EventStream
import StreamLoop

/// A loop goes on without the thread that is in a call which hangs.
///
/// Another thread takes the loop over, with all its streams but one: the stream whose call it is keeps the old thread, as one of its own. When
/// the call returns, that thread goes on as if the producer had been a blocking one from the beginning.
extension LoopStreams {
    /// The watching thread. Has a new thread take the loop over, unless the call returns before.
    /// - Returns: `false` if the system has no thread to give.
    func takeOver(from hanging: CallMark.Call) -> Bool {
        startThread { [self] seat in
            if mark.end(hanging.number) { takeOver(seat, from: hanging) }
        }
    }

    /// Any thread.
    func noteNoThread(for call: CallMark.Call) { log.cannotTakeOver(call, withGate(call.stream) { $0.entry } ?? nil) }

    /// The calling thread is the loop's from now on.
    /// - Parameter isDead: the call does not hang; it has ended its thread.
    func takeOver(_ seat: LoopSeat, from call: CallMark.Call, isDead: Bool = false) {
        self.seat = seat
        adopt(call, isDead: isDead)
        loop.takeOver()
    }

    /// The first thing that a thread does with a loop that it has taken over.
    private func adopt(_ hanging: CallMark.Call, isDead: Bool) {
        // Its record is there: nothing of the stream ends while its call runs.
        let slot = hanging.stream.slot
        let record = table[slot]
        let entry = record.pointee.entry!
        let since = callBegan
        stallWatch = StallWatch()
        // The call writes to the old one for as long as it runs.
        var frames: EncodedFrames?
        if hanging.function == .next {
            frames = EncodedFrames(outputPlace)
            outputPlace = Self.makeOutput()
        }
        if !isDead {
            log.hangs(hanging.stream, entry, hanging.function.name, for: loop.updateNow() - since)
            census.hangs(
                HangingCall(
                    plugin: entry.description.plugin, producer: entry.description.name,
                    generation: entry.generation.number,
                    function: hanging.function.name, stream: hanging.stream, since: since))
        }
        entry.noteHang(at: loop.now)
        census.addThread()
        let handoff = becomeThreaded(slot)
        if record.pointee.role == .source ? record.pointee.hub.state == .open : record.pointee.link == .connected {
            handoff.attach()
        }
        // Nothing can be handed over before the thread rests, and it does not rest while its call runs.
        if hanging.function == .save, let succession = record.pointee.succession {
            goOn(slot)
            succession.rest = handoff.wantRest()
        }
        if let reason = record.pointee.reason { handoff.cancel(reason) }
        let source = record.pointee.source
        // That is its thread's from now on.
        if source == .closeDue { record.pointee.source = .closing }
        left.leave(
            LeftStreams.LeftStream(
                token: hanging.stream, entry: entry, function: hanging.function, handoff: handoff, frames: frames,
                state: record.pointee.state, source: source, reason: record.pointee.reason, since: since),
            to: hanging.number)
        reschedule(slot)
    }

    /// The stream lives on a thread from now on, with all that was scheduled for it.
    func becomeThreaded(_ slot: UInt32) -> Handoff {
        let record = table[slot]
        let isMarked = record.pointee.entry!.description.isShared
        let handoff = table.withGate(slot) { gate in
            let handoff = gate.handoff ?? Handoff(limitBytes: limits.handoffBytes, isMarked: isMarked)
            gate.handoff = handoff
            gate.isThreaded = true
            return handoff
        }
        handoff.becomeThreaded(with: scheduled.remove(of: token(slot)))
        record.pointee.calls = 0
        record.pointee.handoff = handoff
        record.pointee.isThreaded = true
        return handoff
    }

    // MARK: Answers

    /// `opened` was called for a stream that lived on the loop.
    func answered(_ token: StreamToken, _ outcome: OpenOutcome) {
        guard let slot = slot(token) else { return }
        // Its thread, which it may have since, waits for it.
        if table[slot].pointee.isThreaded { return table[slot].pointee.handoff!.answerOpen(outcome) }
        opened(slot, outcome)
    }

    /// `closed` was called for a stream that lived on the loop.
    func answeredClose(_ token: StreamToken) {
        guard let slot = slot(token) else { return }
        if table[slot].pointee.isThreaded { return table[slot].pointee.handoff!.signalClosed() }
        closed(slot)
    }
}
