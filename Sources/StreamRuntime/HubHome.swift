import ProducerInterface
import StreamLoop

/// A hub on its home loop: which loops wait for its history, and when its stream opens and ends. `HubLife` decides
/// this; `HubHome` carries it out.
struct HubHome {
    let streams: LoopStreams
    let hub: Hub

    init(_ streams: LoopStreams, _ hub: Hub) { (self.streams, self.hub) = (streams, hub) }

    private var loop: Loop { streams.loop }
    private var directory: HubDirectory { streams.directory }

    // MARK: What other loops ask

    /// A loop has subscribers, and needs the history.
    func request(for index: Int, serial: UInt64) {
        switch hub.life.requested() {
        case .answer: answer(index, serial)
        case .wait: hub.requests.append((index, serial))
        case .open:
            hub.requests.append((index, serial))
            openStream()
        case .refuse:
            streams.send(to: index) { [hub] in HubSubscribers($0, hub)?.requestFailed(serial, nil) }
        }
    }

    private func answer(_ index: Int, _ serial: UInt64) {
        if index == loop.index { return HubSubscribers(streams, hub, hub.master).start(hub.opened) }
        if !hub.links.contains(where: { $0.loop == index }) { hub.links.append(HubLink(loop: index)) }
        let (history, numbering, opened, entry) = (hub.master.history.separate, hub.numbering, hub.opened, hub.entry)
        streams.send(to: index) { [hub] in
            HubSubscribers($0, hub)?.receive(history, numbering, opened, entry, serial)
        }
    }

    private func answerRequests(_ answer: OpenAnswer?) {
        let requests = hub.requests
        hub.requests = []
        for request in requests {
            streams.send(to: request.loop) { [hub] in HubSubscribers($0, hub)?.requestFailed(request.serial, answer) }
        }
    }

    /// A loop has no subscribers left.
    func unlink(_ index: Int) {
        hub.links.removeAll { $0.loop == index }
        hub.requests.removeAll { $0.loop == index }
        resume()
    }

    /// The last user has left; a new one may have joined since.
    func unused() {
        guard !directory.hasUsers(hub) else { return }
        let end = directory.isKept(hub) ? loop.now.addingSaturating(hub.settings.linger) : loop.now
        switch hub.life.unused(lingeringUntil: end) {
        case .nothing: break
        case .linger: stream?.reschedule()
        case .forget:
            guard directory.removeIfUnused(hub) else { return }
            hub.life.end()
            streams.replicas[ObjectIdentifier(hub)] = nil
        }
    }

    /// A loop that was behind has caught up.
    func resume() { if hub.isHeld { stream?.pump() } }

    private var stream: HubStream? { hub.stream.flatMap(streams.slot).map { HubStream(streams, $0) } }

    // MARK: Its stream opens

    func openStream() {
        let isFallingBack = hub.life.endingInstead != nil
        hub.life.opens()
        if !isFallingBack { followReload() }
        let entry = hub.entry
        var admission = Admission(of: entry, in: streams)
        guard streams.endOfAll == nil, admission.enterGeneration() else { return refused(.unavailable) }
        guard admission.takeStream() else { return exceeds("max-streams", admission) }
        var place: ThreadPlace?
        do {
            place = try ThreadPlace.take(for: entry, in: streams.counts, at: loop.now)
        } catch {
            return exceeds(error.limit, admission)
        }
        let handoff = place == nil ? nil : Handoff(limitBytes: streams.limits.handoffBytes, isMarked: true)
        handoff?.becomeThreaded(with: [])
        guard let slot = streams.table.allocate() else {
            place = nil
            return exceeds("max-streams", admission)
        }
        let epoch = StreamOpening.openGate(slot, in: streams.table, entry, handoff, isShared: true)
        streams.table[slot].pointee.role = .hubStream
        streams.table[slot].pointee.shared = hub
        let opening = StreamOpening(streams, slot)
        opening.prepare(entry, epoch: epoch, handoff)
        admission.settle()
        hub.stream = opening.token
        takeOver()
        var request = request
        if isFallingBack { request.saved = hub.saved }
        opening.call(request, on: place)
    }

    /// A limit prevents the stream from opening: waiting subscribers are rejected, as with any other limit.
    private func exceeds(_ limit: String, _ admission: consuming Admission) {
        streams.counts.countRefused(limit)
        streams.log.hubExceeds(limit, hub.entry)
        admission.giveBack()
        refused(.unavailable)
    }

    /// A hub that follows another continues its ids and keeps its history.
    private func takeOver() {
        guard let old = hub.predecessor else { return }
        hub.predecessor = nil
        // The predecessor may not have opened yet, if one reload quickly followed another.
        HubHome(streams, old).takeOver()
        hub.numbering = old.numbering
        hub.numbering.leap()
        hub.master.history = old.master.history
        hub.master.numbering = hub.numbering
        // The old hub gets no more newcomers.
        HubHome(streams, old).unused()
    }

    /// What `open` is given. Once the hub has a history, it gets the newest id in that instead of the one that the
    /// first subscriber had seen.
    private var request: StreamRequest {
        var request = hub.request
        request.parameters = hub.parameters
        let history = hub.master.history
        if hub.entry.description.isResumable, history.end > 0 { request.lastEventID = history.newestProducerID }
        if hub.life.isIDRefused { request.lastEventID = nil }
        if hub.isFirst, history.end == 0 { hub.opened.beginning = request.lastEventID }
        return request
    }

    /// What a successor's `open` is given, besides what the old stream saved: the newest id that the producer made, or
    /// the id after which the old stream was opened.
    var successorRequest: StreamRequest {
        var request = hub.request
        request.parameters = hub.parameters
        let history = hub.master.history
        request.lastEventID = history.end > 0 ? history.newestProducerID : hub.opened.beginning
        return request
    }

    /// `open` has answered OK.
    func opened(_ slot: UInt32, headers: [StreamRequest.Field]) {
        let row = streams.table[slot]
        let token = streams.token(slot)
        // It must not move to the generation that it has just left.
        row.pointee.stream.isKept = hub.life.hasOpened()
        row.pointee.doubted = hub.doubted
        hub.doubted = nil
        hub.opened.headers = headers
        hub.master.opened = hub.opened
        row.pointee.handoff?.attach()
        if let reason = row.pointee.stream.reason {
            StreamEnding(streams, slot).end(reason)
            return end(.farewell(reason))
        }
        let requests = hub.requests
        hub.requests = []
        for request in requests { answer(request.loop, request.serial) }
        unused()
        if row.pointee.stream.phase == .open { HubStream(streams, slot).pump() }
        streams.considerMigrating(token)
    }

    /// `open` has not answered OK, or was not called: waiting subscribers get its answer, or the stream is opened in
    /// another way.
    func refused(_ answer: OpenAnswer) {
        hub.stream = nil
        var target: ProducerEntry?
        if case .failed = answer, hub.life.endingInstead == nil { target = fallback }
        var isIDInDoubt = false
        if case .rejected = answer { isIDInDoubt = request.lastEventID != nil && !hub.requests.isEmpty }
        switch hub.life.refused(canFallBack: target != nil, isIDInDoubt: isIDInDoubt) {
        case .end(let ending):
            hub.doubted = nil
            answerRequests(answer)
            end(ending)
        case .fallBack:
            guard let target, case .failed(let code) = answer else { return }
            fallBack(nil, to: target, .failed(code), hub.entry.generation.trial)
        case .openWithoutID: openStream()
        case .answer:
            answerRequests(answer)
            unused()
        }
    }

    // MARK: Its stream ends

    /// `close` is complete.
    func closed(_ token: StreamToken) {
        // A stream that another has succeeded no longer matters.
        guard hub.stream == token else { return }
        hub.stream = nil
        guard hub.life.hasClosed() else { return }
        // A subscriber has joined while the stream closed: it is opened now, and the history is still here.
        if hub.requests.isEmpty { unused() } else { openStream() }
    }

    /// Newcomers no longer find the hub; each subscriber gets the end after everything that precedes it.
    func end(_ ending: HubEnding) {
        hub.life.end()
        directory.remove(hub)
        answerRequests(nil)
        for index in hub.links.map(\.loop) + [loop.index] {
            streams.send(to: index) { [hub] in HubSubscribers($0, hub)?.hubEnded(ending) }
        }
    }

    // MARK: Another generation

    /// A stream that is about to open belongs to the newest generation.
    private func followReload() {
        guard let entry = hub.entry.successor, let parameters = entry.producer.adopt(hub.parameters) else { return }
        moveOver(to: entry, parameters)
    }

    /// Moves the hub and its subscribers to another producer's entry.
    func moveOver(to entry: ProducerEntry, _ parameters: (any ResolvedParameters)?) {
        if let parameters { hub.parameters = parameters }
        directory.succeed(hub, by: entry)
        for index in [loop.index] + hub.links.map(\.loop) {
            streams.send(to: index) { [hub] in HubSubscribers($0, hub)?.moveOver(to: entry) }
        }
    }

    /// The entry whose producer can reopen the stream if it has failed.
    var fallback: ProducerEntry? {
        guard let target = hub.entry.fallback, target.producer.adopt(hub.parameters) != nil else { return nil }
        return target
    }

    /// The hub gets a stream of the previous generation; its history, its ids and its subscribers stay.
    /// - Parameters:
    ///   - failed: the stream that is closed, or about to be closed; `nil`: it has not opened.
    ///   - ending: what the subscribers are told if the new stream does not open.
    ///   - trial: the trial of the generation in which it has failed.
    func fallBack(_ failed: StreamToken?, to target: ProducerEntry, _ ending: HubEnding, _ trial: Trial?) {
        FallingBack.note(failed, hub.entry, to: target, in: streams.log)
        moveOver(to: target, target.producer.adopt(hub.parameters))
        hub.life.fallsBack(orEnds: ending)
        hub.doubted = trial
        openStream()
    }
}
