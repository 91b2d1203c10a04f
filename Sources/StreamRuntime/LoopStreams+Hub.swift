import EventStream
import StreamLoop
import Synchronization

/// The home loop's side of a hub: its source, from the first request to its end.
extension LoopStreams {
    /// A loop has subscribers for a hub, and wants its history.
    func request(_ hub: Hub, for loop: Int, serial: UInt64) {
        hub.lingerUntil = .max
        switch hub.state {
        case .open:
            answerRequest(hub, loop, serial)
        case .opening, .closing:
            hub.requests.append((loop, serial))
        case .idle:
            hub.requests.append((loop, serial))
            openSource(hub)
        case .over:
            send(to: loop) { $0.requestFailed(hub, serial, nil) }
        }
    }

    private func answerRequest(_ hub: Hub, _ index: Int, _ serial: UInt64) {
        if index == loop.index { return startReplica(hub.master, hub.opened) }
        if !hub.links.contains(where: { $0.loop == index }) { hub.links.append(HubLink(loop: index)) }
        let (history, numbering, opened, entry) = (hub.master.history.separate, hub.numbering, hub.opened, hub.entry)
        send(to: index) { $0.start(hub, serial, history, numbering, opened, entry) }
    }

    /// A loop has no subscriber left.
    func unlink(_ hub: Hub, _ index: Int) {
        hub.links.removeAll { $0.loop == index }
        hub.requests.removeAll { $0.loop == index }
        resume(hub)
    }

    /// The last user has left; somebody may have come since.
    func unused(_ hub: Hub) {
        guard !directory.hasUsers(hub) else { return }
        switch hub.state {
        case .open:
            hub.lingerUntil = directory.isKept(hub) ? loop.now.addingSaturating(hub.settings.linger) : loop.now
            if let slot = hub.source.flatMap(slot) { reschedule(slot) }
        case .idle, .over:
            if directory.removeIfUnused(hub) { forget(hub) }
        case .opening, .closing:
            break
        }
    }

    private func forget(_ hub: Hub) {
        hub.state = .over
        replicas[ObjectIdentifier(hub)] = nil
    }

    /// Runs a call on another loop, or on this one at once.
    func send(to index: Int, _ call: @escaping @Sendable (LoopStreams) -> Void) {
        if index == loop.index { return call(self) }
        let other = peers.loops[index]
        other.loop.post { call(other) }
    }

    // MARK: The source

    func openSource(_ hub: Hub) {
        hub.state = .opening
        if hub.fallingBack == nil { followReload(hub) }
        let entry = hub.entry
        guard endOfAll == nil, entry.generation.enter() else { return sourceRefused(hub, .unavailable) }
        guard census.takeStream() else {
            entry.generation.leave()
            return sourceExceeds("max-streams", hub)
        }
        let usesThread: Bool
        switch census.takeThread(for: entry, at: loop.now) {
        case .none: usesThread = false
        case .taken: usesThread = true
        case .refused:
            census.streamIsOver()
            entry.generation.leave()
            return sourceExceeds("max-threads", hub)
        }
        let handoff = usesThread ? Handoff(limitBytes: limits.handoffBytes, isMarked: true) : nil
        handoff?.becomeThreaded(with: [])
        guard let slot = table.allocate() else {
            if usesThread { census.threadIsFree() }
            census.streamIsOver()
            entry.generation.leave()
            return sourceExceeds("max-streams", hub)
        }
        let epoch = openGate(slot, entry, handoff, isShared: true)
        let record = table[slot]
        record.pointee.epoch = epoch
        record.pointee.role = .source
        record.pointee.shared = hub
        record.pointee.source = .opening
        record.pointee.entry = entry
        record.pointee.handoff = handoff
        record.pointee.isThreaded = usesThread
        record.pointee.lastActivity = loop.now
        let token = token(slot)
        hub.source = token
        takeOver(hub)
        var request = sourceRequest(hub)
        if hub.fallingBack != nil { request.saved = hub.saved }
        guard let handoff else {
            dueCalls.append(.open(token, request))
            return
        }
        if !StreamThread.start(token, entry, handoff, self, .open(request)) {
            census.threadIsFree()
            skipOpening(slot)
        }
    }

    /// A hub that follows another goes on behind its ids, and holds what it held.
    private func takeOver(_ hub: Hub) {
        guard let old = hub.predecessor else { return }
        hub.predecessor = nil
        // That one may not have opened yet, after a reload that was followed by another.
        takeOver(old)
        hub.numbering = old.numbering
        hub.numbering.leap()
        hub.master.history = old.master.history
        hub.master.numbering = hub.numbering
        // Nobody will come to the old one any more.
        unused(old)
    }

    /// A limit does not let the source open: those who wait are turned away, as by any other limit.
    private func sourceExceeds(_ limit: String, _ hub: Hub) {
        census.countRefused()
        log.sourceExceeds(limit, hub.entry)
        sourceRefused(hub, .unavailable)
    }

    /// What `open` is told: once the hub has a history, no longer what its first subscriber had seen, but the newest id in it.
    func sourceRequest(_ hub: Hub) -> StreamRequest {
        var request = hub.request
        request.parameters = hub.parameters
        let history = hub.master.history
        if hub.entry.description.isResumable, history.end > 0 { request.lastEventID = history.newestProducerID }
        if hub.isIDRefused { request.lastEventID = nil }
        if hub.isFirst, history.end == 0 { hub.opened.beginning = request.lastEventID }
        return request
    }

    /// `open` of the source has answered OK.
    func sourceOpened(_ slot: UInt32, headers: [StreamRequest.Field]) {
        let hub = table[slot].pointee.hub
        let token = token(slot)
        hub.state = .open
        hub.isIDRefused = false
        // In the generation that it has just left again, nothing is to be had.
        table[slot].pointee.isKept = hub.fallingBack != nil
        hub.fallingBack = nil
        table[slot].pointee.doubted = hub.doubted
        hub.doubted = nil
        hub.opened.headers = headers
        hub.master.opened = hub.opened
        table[slot].pointee.handoff?.attach()
        if let reason = table[slot].pointee.reason {
            endSource(slot, reason)
            return endHub(hub, .farewell(reason))
        }
        let requests = hub.requests
        hub.requests = []
        for request in requests { answerRequest(hub, request.loop, request.serial) }
        unused(hub)
        if table[slot].pointee.source == .open { pumpSource(slot) }
        considerMigrating(token)
    }

    /// `open` of the source has not answered OK: those who wait are told what it said, unless it was the id of one of them that it
    /// did not want. Then it is asked once more, without; whoever comes with that id is told of a gap.
    func sourceRefused(_ hub: Hub, _ answer: OpenAnswer) {
        hub.state = .idle
        hub.source = nil
        if let ending = hub.fallingBack {
            (hub.fallingBack, hub.doubted) = (nil, nil)
            answerRequests(hub, answer)
            return endHub(hub, ending)
        }
        if case .failed(let code) = answer, let target = fallback(of: hub) {
            return fallBack(hub, nil, to: target, .failed(code), hub.entry.generation.trial)
        }
        if case .rejected = answer, !hub.isIDRefused, sourceRequest(hub).lastEventID != nil, !hub.requests.isEmpty {
            hub.isIDRefused = true
            return openSource(hub)
        }
        hub.isIDRefused = false
        answerRequests(hub, answer)
        unused(hub)
    }

    private func answerRequests(_ hub: Hub, _ answer: OpenAnswer) {
        let requests = hub.requests
        hub.requests = []
        for request in requests { send(to: request.loop) { $0.requestFailed(hub, request.serial, answer) } }
    }

    /// `close` of the source is complete.
    func sourceClosed(_ hub: Hub, _ token: StreamToken) {
        // One that another has succeeded is of no interest any more.
        guard hub.source == token else { return }
        hub.source = nil
        guard hub.state == .closing else { return }
        hub.state = .idle
        // Somebody came while it closed: their stream opens now, with the history still here.
        if hub.requests.isEmpty { unused(hub) } else { openSource(hub) }
    }

    /// Publishes what was emitted, or has come from the source's thread; what its producer is to be asked for waits for the end of the turn.
    func pumpSource(_ slot: UInt32) {
        let record = table[slot]
        guard record.pointee.source == .open, !record.pointee.isQueued, !isCongested(slot) else { return }
        if isPullDue(record, at: loop.now) { return queue(slot) }
        output.removeAll()
        if let sourceEnd = takeHandoff(slot) { return finishSource(slot, sourceEnd) }
        publish(slot)
        // There may be room again for what was refused.
        if isPullDue(record, at: loop.now) { queue(slot) }
        reschedule(slot)
    }

    /// At the end of a turn: fetches what the source has, and publishes it.
    /// - Returns: `false` if the loop is lost.
    func serveSource(_ slot: UInt32) -> Bool {
        let record = table[slot]
        guard record.pointee.source == .open, !isCongested(slot) else { return true }
        output.removeAll()
        // What a handoff holds is marked already; here the producer's own encoder notes where its frames are.
        output.isMarked = true
        let fetched = fetch(slot)
        switch fetched {
        case .lost: return false
        case .end(let end): finishSource(slot, end)
        case .all, .more:
            publish(slot)
            if case .more = fetched, record.pointee.source == .open { queue(slot) }
            reschedule(slot)
        }
        output.isMarked = false
        return true
    }

    /// A loop is too far behind to be sent more: the source goes on when that has caught up.
    private func isCongested(_ slot: UInt32) -> Bool {
        let hub = table[slot].pointee.hub
        for link in hub.links where link.isCongested {
            // Looked at again behind the flag: the loop may have caught up just before it could see it.
            link.isAwaited.store(true, ordering: .sequentiallyConsistent)
            if link.isCongested {
                hub.isHeld = true
                reschedule(slot)
                return true
            }
        }
        hub.isHeld = false
        return false
    }

    /// Puts what is in the output into the history, and sends it to all subscribers.
    func publish(_ slot: UInt32) {
        guard !output.marks.isEmpty else { return }
        let record = table[slot]
        let hub = record.pointee.hub
        count(record)
        hub.saved = nil
        let chunk = FrameChunk(output, numbering: &hub.numbering)
        for link in hub.links {
            link.sent.add(1, ordering: .relaxed)
            send(to: link.loop) { $0.receive(hub, chunk, link) }
        }
        deliver(hub.master, chunk)
    }

    /// A loop that was behind has caught up.
    func resume(_ hub: Hub) {
        guard hub.isHeld, let slot = hub.source.flatMap(slot) else { return }
        pumpSource(slot)
    }

    /// The source is at its end by itself.
    private func finishSource(_ slot: UInt32, _ end: SourceEnd, mayFallBack: Bool = true) {
        let record = table[slot]
        let hub = record.pointee.hub
        let token = token(slot)
        let trial = hub.entry.generation.trial
        noteTrial(slot, end)
        var ending = HubReplica.Ending.completed
        if let failure = end.failure {
            log.failed(token, hub.entry, failure.log, during: end.function)
            ending = .failed(failure.message ?? "sluice-\(token)")
        }
        if !(record.pointee.isThreaded && !end.isOverflow) { stopEmitting(slot) }
        publish(slot)
        let fallback = mayFallBack && end.failure != nil ? fallback(ofSource: slot) : nil
        closeEnded(slot, end)
        if let fallback { fallBack(hub, token, to: fallback, ending, trial) } else { endHub(hub, ending) }
    }

    /// Ends the source from outside.
    func endHubSource(_ slot: UInt32, _ reason: CloseReason) {
        let hub = table[slot].pointee.hub
        guard !drainSource(slot, mayFallBack: false) else { return }
        stopEmitting(slot)
        publish(slot)
        endSource(slot, reason)
        endHub(hub, .farewell(reason))
    }

    /// Takes what was emitted, and what the source's thread has left, into the output.
    /// - Returns: `true` if that was its end: then the hub has ended.
    @discardableResult
    func drainSource(_ slot: UInt32, mayFallBack: Bool = true) -> Bool {
        output.removeAll()
        guard let sourceEnd = takeHandoff(slot) else { return false }
        finishSource(slot, sourceEnd, mayFallBack: mayFallBack)
        return true
    }

    /// No newcomer finds the hub; each subscriber gets the end behind all that came before it.
    func endHub(_ hub: Hub, _ ending: HubReplica.Ending) {
        hub.state = .over
        directory.remove(hub)
        let requests = hub.requests
        hub.requests = []
        for request in requests { send(to: request.loop) { $0.requestFailed(hub, request.serial, nil) } }
        for link in hub.links { send(to: link.loop) { $0.replicaEnded(hub, ending) } }
        replicaEnded(hub, ending)
    }

    // MARK: Its timer

    func dueSource(_ slot: UInt32) {
        let record = table[slot]
        let hub = record.pointee.hub
        reportIfStuck(slot)
        if record.pointee.source == .open, loop.now >= hub.lingerUntil {
            hub.lingerUntil = .max
            if !directory.hasUsers(hub) {
                endSuccession(slot, .disconnected)
                guard !drainSource(slot, mayFallBack: false) else { return }
                stopEmitting(slot)
                publish(slot)
                hub.state = .closing
                return endSource(slot, .disconnected)
            }
        }
        if isPullDue(record, at: loop.now), !hub.isHeld { queue(slot) }
        reschedule(slot)
    }

    func sourceDeadline(_ record: UnsafeMutablePointer<StreamRecord>) -> Int64 {
        let hub = record.pointee.hub
        guard record.pointee.source == .open else { return .max }
        if record.pointee.isThreaded || record.pointee.isQueued || record.pointee.isResting || hub.isHeld {
            return hub.lingerUntil
        }
        return min(hub.lingerUntil, record.pointee.nextDue)
    }
}

extension HubReplica.Ending {
    var reason: CloseReason {
        switch self {
        case .completed: .completed
        case .failed: .failed
        case .farewell(let reason): reason
        }
    }
}
