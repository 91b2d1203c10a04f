import EventStream
import StreamLoop
import Synchronization

/// Every loop's side of a hub: the subscribers that live here, from joining to leaving.
extension LoopStreams {
    // MARK: Joining

    /// A subscriber wants what the hub has.
    func join(_ token: StreamToken, _ hub: Hub) {
        guard let slot = slot(token) else { return }
        let record = table[slot]
        record.pointee.role = .member
        record.pointee.shared = hub
        guard record.pointee.link == .waiting, record.pointee.reason == nil else {
            leaveHub(slot, from: nil)
            return skipOpening(slot)
        }
        let replica: HubReplica
        var isNew = false
        if let known = replicas[ObjectIdentifier(hub)] {
            guard known.ending == nil else {
                // The source ended a moment ago; the next request finds another hub.
                leaveHub(slot, from: nil)
                return skipOpening(slot)
            }
            replica = known
        } else {
            replicaSerial += 1
            replica =
                hub.home == loop.index
                ? hub.master
                : HubReplica(
                    epoch: HubNumbering(epoch: ""), settings: hub.settings, serial: replicaSerial,
                    entry: record.pointee.entry!)
            replicas[ObjectIdentifier(hub)] = replica
            isNew = true
        }
        replica.population += 1
        if replica.isLive, hub.home != loop.index || hub.state == .open { return memberOpened(slot, replica) }
        replica.waiting.append(token)
        // The home loop's own asks each time: its source may have closed since, while the history stayed.
        guard isNew || hub.home == loop.index && replica.waiting.count == 1 else { return }
        let (index, serial) = (loop.index, replica.serial)
        send(to: hub.home) { $0.request(hub, for: index, serial: serial) }
    }

    /// The request is wrong in a way that only hubs know.
    func refuseJoining(_ token: StreamToken, _ hub: Hub, _ message: String) {
        guard let slot = slot(token) else { return }
        table[slot].pointee.role = .member
        table[slot].pointee.shared = hub
        let door = table[slot].pointee.opening?.door
        leaveHub(slot, from: nil)
        neverOpened(slot)
        door?.answer(.rejected(status: 400, message: message))
    }

    /// The history came from the home loop.
    func start(
        _ hub: Hub, _ serial: UInt64, _ history: History, _ numbering: HubNumbering, _ opened: HubOpened,
        _ entry: ProducerEntry
    ) {
        guard let replica = replicas[ObjectIdentifier(hub)], replica.serial == serial, !replica.isLive else { return }
        replica.entry = entry
        replica.history = history
        replica.numbering = numbering
        startReplica(replica, opened)
    }

    /// The source is open: those who wait get their answer.
    func startReplica(_ replica: HubReplica, _ opened: HubOpened) {
        replica.isLive = true
        replica.opened = opened
        let waiting = replica.waiting
        replica.waiting = []
        for token in waiting {
            if let slot = slot(token), table[slot].pointee.source == .opening { memberOpened(slot, replica) }
        }
    }

    /// The source did not open.
    /// - Parameter answer: what it said; `nil`: the hub is over, and another one may be asked.
    func requestFailed(_ hub: Hub, _ serial: UInt64, _ answer: OpenAnswer?) {
        guard let replica = replicas[ObjectIdentifier(hub)], replica.serial == serial else { return }
        let waiting = replica.waiting
        replica.waiting = []
        for token in waiting {
            guard let slot = slot(token), table[slot].pointee.source == .opening else { continue }
            let door = table[slot].pointee.opening?.door
            table[slot].pointee.opening?.door = nil
            leaveHub(slot, from: replica)
            door?.answer(answer ?? .unavailable)
            neverOpened(slot)
        }
    }

    private func memberOpened(_ slot: UInt32, _ replica: HubReplica) {
        let record = table[slot]
        rehome(slot, replica.entry)
        record.pointee.source = .open
        record.pointee.openedAt = loop.now
        table.withGate(slot) { $0.isOpening = false }
        let door = record.pointee.opening?.door
        record.pointee.opening?.door = nil
        record.pointee.opening?.place = replica.history.end
        log.joined(token(slot), record.pointee.entry!, peer: record.pointee.opening?.peer ?? "")
        door?.answer(.stream(headers: replica.opened.headers))
        reschedule(slot)
    }

    /// The subscriber has its connection: it takes its place in the history.
    /// - Parameter headCount: the output holds the head of its response, of so many bytes.
    func memberAttached(_ slot: UInt32, behind headCount: Int) {
        let record = table[slot]
        let hub = record.pointee.hub
        guard let replica = replicas[ObjectIdentifier(hub)] else {
            output.appendPreamble(retryMilliseconds: jitteredRetry(slot))
            if transmit(slot, behind: headCount) { end(slot, .reloaded) }
            return
        }
        rehome(slot, replica.entry)
        let history = replica.history
        let opening = record.pointee.opening
        record.pointee.opening = nil
        var start: History.Start
        if let id = opening?.lastEventID {
            start = history.start(after: Array(id.utf8), numbering: replica.numbering)
            // An id of the producer's that no frame has, but behind which the source itself was opened: nothing is missed.
            if case .gap(from: 0, lost: _) = start, id == replica.opened.beginning { start = .at(0) }
        } else {
            // From when it was let in, not from when its connection came: nothing is missed of a source that begins at once.
            start = .at(history.start(last: opening?.historyCount ?? 0, before: opening?.place ?? history.end))
        }
        let retry = history.retry >= 0 ? history.retry : jitteredRetry(slot)
        let cursor: Int64
        switch start {
        case .at(let place):
            cursor = place
            // Who came with an id keeps it until the first event.
            let isNew = replica.isAnchored && opening?.lastEventID == nil
            output.appendPreamble(
                retryMilliseconds: retry,
                anchor: isNew ? history.anchor(at: place, numbering: replica.numbering) : nil)
        case .gap(let from, let lost):
            cursor = from
            output.appendPreamble(retryMilliseconds: retry)
            output.appendGap(oldestID: history.oldestID, lost: lost)
        }
        guard transmit(slot, behind: headCount) else { return }
        var member = HubReplica.Member(
            descriptor: record.pointee.descriptor, slot: slot, cursor: cursor,
            isPlain: !record.pointee.form.contains(.chunked))
        member.isBlocked = record.pointee.hasPending
        record.pointee.memberIndex = Int32(replica.add(member))
        startClock(hub, replica)
        guard member.isBlocked else { return pumpMember(slot) }
        replica.rearmost = min(replica.rearmost, cursor)
        reschedule(slot)
    }

    // MARK: Leaving

    /// The peer left, or the server stops, before the hub's source had opened.
    func skipJoining(_ slot: UInt32) {
        guard table[slot].pointee.source == .opening else { return }
        leaveHub(slot, from: replicas[ObjectIdentifier(table[slot].pointee.hub)])
        skipOpening(slot)
    }

    /// Ends a subscriber's stream; the hub's goes on.
    func endMember(_ slot: UInt32, _ reason: CloseReason) {
        let record = table[slot]
        let entry = record.pointee.entry!
        let replica = replicas[ObjectIdentifier(record.pointee.hub)]
        if let replica, replica.history.retry >= 0 { record.pointee.form.insert(.hasProducersRetry) }
        leaveHub(slot, from: replica)
        record.pointee.source = .over
        record.pointee.reason = reason
        entry.countLeave(reason)
        log.left(token(slot), entry, reason: reason, duration: loop.now - record.pointee.openedAt)
        sourceIsOver(slot)
    }

    /// The subscriber's stream is over: its place in the hub is free.
    /// - Parameter replica: the one that counts it; `nil` if none did yet.
    func leaveHub(_ slot: UInt32, from replica: HubReplica?) {
        let record = table[slot]
        let hub = record.pointee.hub
        if let replica {
            if record.pointee.memberIndex >= 0 {
                let index = Int(record.pointee.memberIndex)
                if let moved = replica.remove(at: index) { table[moved].pointee.memberIndex = Int32(index) }
                record.pointee.memberIndex = -1
            } else if record.pointee.source == .opening {
                let token = token(slot)
                replica.waiting.removeAll { $0 == token }
            }
            replica.population -= 1
            if replica.population == 0 { abandon(hub, replica) }
        }
        if directory.leave(hub) {
            let home = peers.loops[hub.home]
            home.loop.post { home.unused(hub) }
        }
    }

    /// No subscriber of the hub is left on this loop.
    private func abandon(_ hub: Hub, _ replica: HubReplica) {
        if replica.clock != 0 {
            loop.setTimer(replica.clock, to: .max)
            table[replica.clock].pointee.role = .stream
            table[replica.clock].pointee.shared = nil
            if table.release(replica.clock) == 0 { census.loopIsIdle() }
            replica.clock = 0
        }
        if hub.home == loop.index {
            hub.requests.removeAll { $0.loop == loop.index }
            if hub.state == .over { replicas[ObjectIdentifier(hub)] = nil }
            return
        }
        replicas[ObjectIdentifier(hub)] = nil
        let index = loop.index
        send(to: hub.home) { $0.unlink(hub, index) }
    }

    /// The source is at its end; so is each subscriber, once it has what came before.
    func replicaEnded(_ hub: Hub, _ ending: HubReplica.Ending) {
        guard let replica = replicas[ObjectIdentifier(hub)], replica.ending == nil else { return }
        replica.ending = ending
        // Backwards, as each end moves the last member into its place. There is none where the source was never open.
        var index = replica.count - 1
        while index >= 0 {
            if index < replica.count, !replica.members[index].isBlocked { pumpMember(replica.members[index].slot) }
            index -= 1
        }
        if replica.population == 0 { replicas[ObjectIdentifier(hub)] = nil }
    }

    func finishMember(_ slot: UInt32, _ ending: HubReplica.Ending) {
        let record = table[slot]
        record.pointee.link = .ending
        endSource(slot, ending.reason)
        output.removeAll()
        switch ending {
        case .completed: appendFinished(slot)
        case .failed(let message): appendFailure(slot, message)
        case .farewell: appendFarewell(slot)
        }
        if transmit(slot) { settle(slot) }
    }

    // MARK: Keep-alive

    /// One timer for all: they are sent the same frames at the same time, so they are silent together.
    private func startClock(_ hub: Hub, _ replica: HubReplica) {
        guard replica.clock == 0, let slot = table.allocate() else { return }
        replica.clock = slot
        replica.lastSent = loop.now
        table[slot].pointee.role = .clock
        table[slot].pointee.shared = hub
        setClock(slot, replica)
    }

    private func setClock(_ slot: UInt32, _ replica: HubReplica) {
        loop.setTimer(slot, to: replica.lastSent.addingSaturating(limits.keepAlive))
    }

    func dueClock(_ slot: UInt32) {
        guard let replica = replicas[ObjectIdentifier(table[slot].pointee.hub)] else {
            return loop.setTimer(slot, to: .max)
        }
        if loop.now >= replica.lastSent.addingSaturating(limits.keepAlive) {
            replica.lastSent = loop.now
            var index = replica.count - 1
            while index >= 0 {
                if index < replica.count, !replica.members[index].isBlocked {
                    keepMemberAlive(replica.members[index].slot)
                }
                index -= 1
            }
        }
        // The last member may have turned out to be gone, and the clock with it.
        if replica.clock == slot { setClock(slot, replica) }
    }

    func keepMemberAlive(_ slot: UInt32) {
        let record = table[slot]
        guard !record.pointee.hasPending, !record.pointee.isQueued else { return }
        output.removeAll()
        output.appendKeepAlive()
        guard transmit(slot), record.pointee.hasPending, record.pointee.memberIndex >= 0,
            let replica = replicas[ObjectIdentifier(record.pointee.hub)]
        else { return }
        let member = replica.members + Int(record.pointee.memberIndex)
        member.pointee.isBlocked = true
        replica.rearmost = min(replica.rearmost, member.pointee.cursor)
        reschedule(slot)
    }
}
