import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls

/// A hub's stream on its home loop: from the producer's events to the history and to the loops that have subscribers.
struct HubStream: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    private var hub: Hub { row.pointee.hub }
    private var home: HubHome { HubHome(streams, hub) }

    /// Publishes what was emitted, or what the stream's thread has delivered. Calls of the producer wait until the end
    /// of the turn.
    func pump() {
        guard stream.phase == .open, !row.pointee.isQueued, !isCongested else { return }
        if stream.isPullDue(at: loop.now) { return queue() }
        output.removeAll()
        if let end = StreamQueue(self).take() { return finish(end) }
        publish()
        // There may be room again for what was refused.
        if stream.isPullDue(at: loop.now) { queue() }
        reschedule()
    }

    /// At the end of a turn: fetches and publishes events.
    /// - Returns: `false` if this thread has lost the loop.
    func serve() -> Bool {
        guard stream.phase == .open, !isCongested else { return true }
        output.removeAll()
        // Frames in a handoff are marked already; here the producer's own encoder must mark them.
        output.isMarked = true
        let fetched = StreamQueue(self).fetch()
        switch fetched {
        case .lost: return false
        case .end(let end): finish(end)
        case .all, .more:
            publish()
            if case .more = fetched, stream.phase == .open { queue() }
            reschedule()
        }
        output.isMarked = false
        return true
    }

    /// A loop is too far behind to be sent more: the stream continues when it has caught up.
    private var isCongested: Bool {
        for link in hub.links where link.isCongested {
            // Checked again after the flag is set: the loop may have caught up just before it could see the flag.
            link.isAwaited.store(true, ordering: .sequentiallyConsistent)
            if link.isCongested {
                hub.isHeld = true
                reschedule()
                return true
            }
        }
        hub.isHeld = false
        return false
    }

    /// Appends the output to the history, and sends it to all subscribers.
    func publish() {
        guard !output.marks.isEmpty else { return }
        let hub = hub
        StreamQueue(self).count()
        hub.saved = nil
        let chunk = FrameChunk(output, numbering: &hub.numbering, at: loop.now)
        for link in hub.links {
            link.sent.add(1, ordering: .relaxed)
            streams.send(to: link.loop) { HubDelivery.receive(hub, chunk, link, in: $0) }
        }
        HubDelivery(streams, hub.master).deliver(chunk)
    }

    // MARK: Its end

    /// The stream has ended by itself.
    private func finish(_ end: StreamEnd, mayFallBack: Bool = true) {
        let (home, token) = (home, token)
        let trial = entry.generation.trial
        StreamEnding(self).noteTrial(end)
        var ending = HubEnding.completed
        if let failure = end.failure {
            log.failed(token, home.hub.entry, failure.log, during: end.function)
            ending = .failed(failure.message ?? "sluice-\(token)")
        }
        if !StreamEnding(self).endsByItsThread(end) { StreamQueue(self).stopEmitting() }
        publish()
        let mayFallBack =
            mayFallBack && end.failure != nil && stream.events == 0 && home.hub.life.phase == .open
        let fallback = mayFallBack ? home.fallback : nil
        StreamEnding(self).closeEnded(end)
        if let fallback { home.fallBack(token, to: fallback, ending, trial) } else { home.end(ending) }
    }

    /// Ends it from outside.
    func end(_ reason: CloseReason) {
        Migration(self).cancel(reason)
        switch stream.phase {
        case .opening:
            if stream.life.hurry(reason) { StreamOpening(self).cancel() }
        case .open:
            let home = home
            guard stop(reason) else { return }
            home.end(.farewell(reason))
        case .closeDue, .closing, .over: break
        }
    }

    /// Closes the stream, after everything that it has yielded.
    /// - Returns: `false` if it had already ended by itself: then the hub has ended.
    private func stop(_ reason: CloseReason) -> Bool {
        guard !drain(mayFallBack: false) else { return false }
        StreamQueue(self).stopEmitting()
        publish()
        StreamEnding(self).end(reason)
        return true
    }

    /// Takes what was emitted, and what the stream's thread has left, into the output.
    /// - Returns: `true` if that was its end: then the hub has ended.
    @discardableResult
    func drain(mayFallBack: Bool = true) -> Bool {
        output.removeAll()
        guard let end = StreamQueue(self).take() else { return false }
        finish(end, mayFallBack: mayFallBack)
        return true
    }

    // MARK: Its timer

    func timerFired() {
        let hub = hub
        RowTimer(self).reportIfStuck()
        if stream.phase == .open, hub.life.hasLingered(at: loop.now), !streams.directory.hasUsers(hub) {
            Migration(self).cancel(.disconnected)
            hub.life.closes()
            // If it had already ended by itself, the hub is over.
            _ = stop(.disconnected)
            return
        }
        if stream.isPullDue(at: loop.now), !hub.isHeld { queue() }
        reschedule()
    }

    /// When the linger time ends, or the producer must be called.
    var deadline: MonotonicNanoseconds {
        let (hub, isIdle) = (hub, stream.isThreaded || row.pointee.isQueued || stream.isResting)
        guard stream.phase == .open else { return .max }
        return isIdle || hub.isHeld ? hub.life.lingerUntil : min(hub.life.lingerUntil, stream.nextDue)
    }
}
