import ProducerInterface
import StreamLoop
import SystemCalls

/// Lets a loop continue without a thread that is in a hanging call, or that a producer has ended.
///
/// Another thread takes the loop over, with all its streams except the one whose call hangs: that stream keeps the old
/// thread as its own. When the call returns, the thread continues as if the producer had been blocking from the
/// beginning.
struct LoopTakeover: Sendable {
    let streams: LoopStreams

    private var calls: ProducerCalls { streams.calls }
    private var loop: Loop { streams.loop }

    /// Starts the loop's first thread.
    /// - Returns: `false` if no thread can be started; the same holds for the functions below.
    func startLoop() -> Bool {
        startThread { seat in
            streams.calls.seat = seat
            streams.loop.run()
        }
    }

    private func startThread(_ run: @escaping @Sendable (LoopSeat) -> Void) -> Bool {
        let seat = LoopSeat()
        return StreamLoop.startThread(
            named: "sluice-loop-\(loop.index)", stackBytes: 8 << 20, died: { self.died(seat) }, { run(seat) })
    }

    /// For the watching thread. Makes a new thread take the loop over, unless the call returns first.
    func begin(from hanging: CallMark.Call) -> Bool {
        startThread { seat in
            if streams.calls.mark.end(hanging.number) { takeOver(seat, from: hanging) }
        }
    }

    /// Any thread.
    func noteNoThread(for call: CallMark.Call) {
        streams.log.cannotTakeOver(call, streams.withGate(call.stream) { $0.entry } ?? nil)
    }

    /// From now on, the calling thread is the loop's.
    /// - Parameter isDead: the call does not hang, but has ended its thread.
    private func takeOver(_ seat: LoopSeat, from call: CallMark.Call, isDead: Bool = false) {
        calls.seat = seat
        adopt(call, isDead: isDead)
        loop.takeOver()
    }

    /// The first step of a thread that has taken over a loop.
    private func adopt(_ hanging: CallMark.Call, isDead: Bool) {
        // The row still exists: a stream does not end while a call of it runs.
        let move = ThreadMove(streams, hanging.stream.slot)
        let (row, entry, since) = (move.row, move.entry, calls.began)
        calls.beginAnew()
        // The call writes to the old output for as long as it runs.
        let frames = hanging.function == .next ? streams.leaveOutput() : nil
        if !isDead { tell(of: hanging, entry, since: since) }
        entry.noteHang(at: loop.now)
        let handoff = move.becomeThreaded()
        let isAttached =
            row.pointee.role == .hubStream
            ? row.pointee.hub.life.phase == .open : row.pointee.connection.link == .connected
        if isAttached { handoff.attach() }
        // Nothing can be handed over before the thread rests, and it does not rest while its call runs.
        if hanging.function == .save, let succession = row.pointee.succession {
            Migration(move).goOn()
            succession.awaitsRest(handoff.wantRest())
        }
        let (phase, reason) = (move.stream.phase, move.stream.reason)
        if let reason { handoff.cancel(reason) }
        // From now on, its thread does what is due.
        move.stream.life.movesToThread()
        calls.left.leave(
            LeftStream(
                token: hanging.stream, entry: entry, function: hanging.function, handoff: handoff, frames: frames,
                state: move.stream.state, phase: phase, reason: reason, since: since,
                place: ThreadPlace.add(in: streams.counts)),
            to: hanging.number)
        move.reschedule()
    }

    private func tell(of hanging: CallMark.Call, _ entry: ProducerEntry, since: MonotonicNanoseconds) {
        streams.log.hangs(hanging.stream, entry, hanging.function.name, for: loop.updateNow() - since)
        streams.counts.hangingCalls.add(
            HangingCall(
                plugin: entry.description.plugin, producer: entry.description.name,
                generation: entry.generation.number, function: hanging.function.name, stream: hanging.stream,
                since: since))
    }

    /// A producer has ended a thread of the loop, or one that had lost the loop to another.
    private func died(_ seat: LoopSeat) {
        if let stream = seat.stream { return stream.died() }
        calls.running.forgetThread()
        let running = calls.mark.running
        // What follows waits for other threads, so it has a thread of its own.
        let isStarted = startThread { heir in
            if let call = running, call.number == seat.call, streams.calls.mark.end(call.number) {
                // It still had the loop.
                let other = startThread { next in takeOver(next, from: call, isDead: true) }
                if !other { return takeOver(heir, from: call, isDead: true) }
            }
            goOn(heir, seat.call)
        }
        if !isStarted, let running, running.number == seat.call { noteNoThread(for: running) }
    }

    /// This thread continues the stream whose call has ended its thread.
    private func goOn(_ heir: LoopSeat, _ call: UInt64) {
        let stream = calls.left.take(call)
        streams.counts.hangingCalls.remove(stream.token)
        streams.log.endedThread(stream.token, stream.entry, stream.function.name)
        let next = StreamThread.Beginning.behindDeath(
            in: stream.function, stream.phase, stream.state, stream.reason ?? .failed)
        heir.stream = StreamThread(
            stream.token, stream.entry, stream.handoff, streams, next, on: stream.takePlace())
        nameThread(StreamThread.name)
        heir.stream?.run()
    }
}
