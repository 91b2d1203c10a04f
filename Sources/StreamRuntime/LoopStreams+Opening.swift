import EventStream
import StreamLoop

/// From a request to a stream that has its connection.
extension LoopStreams {
    /// Any thread. Takes a place in the table for a stream that is about to open.
    /// - Returns: `nil` if the table is full.
    func prepare(
        _ entry: ProducerEntry, _ opening: Opening, handoff: Handoff?, resumption: Resumption? = nil
    ) -> StreamToken? {
        guard let slot = table.allocate() else { return nil }
        let epoch = openGate(slot, entry, handoff, isShared: false)
        let unshared = Unshared(opening: opening, resumption: resumption)
        // Written by the loop alone: whoever prepares posts to it next.
        loop.post { [self] in
            let record = table[slot]
            record.pointee.epoch = epoch
            record.pointee.source = .opening
            record.pointee.link = .waiting
            record.pointee.entry = entry
            record.pointee.opening = unshared.opening
            record.pointee.resumption = unshared.resumption
            record.pointee.handoff = handoff
            record.pointee.isThreaded = handoff != nil
            record.pointee.lastActivity = loop.now
            record.pointee.reason = endOfAll
            if endOfAll != nil { cancelOpening(slot) } else if handoff != nil { reschedule(slot) }
        }
        return StreamToken(loop: loop.index, slot: slot, epoch: epoch)
    }

    /// On its way to the loop, which is the only one that looks into it from then on.
    private struct Unshared: @unchecked Sendable {
        let opening: Opening
        let resumption: Resumption?
    }

    /// Any thread. Begins a new use of a slot.
    /// - Returns: its epoch.
    func openGate(_ slot: UInt32, _ entry: ProducerEntry, _ handoff: Handoff?, isShared: Bool) -> UInt32 {
        var gate = StreamGate()
        gate.isLive = true
        gate.isOpening = true
        gate.isThreaded = handoff != nil
        gate.isShared = isShared
        gate.entry = entry
        gate.handoff = handoff
        return table.beginUse(slot, with: gate)
    }

    /// The peer left, or the server stops, before anything began: nothing was opened, so nothing is closed.
    func skipOpening(_ slot: UInt32) {
        if table[slot].pointee.succession != nil { return successorAnswered(slot, nil) }
        if table[slot].pointee.fallingBack != nil { return fallbackAnswered(slot, nil) }
        let door = table[slot].pointee.opening?.door
        let hub = table[slot].pointee.role == .source ? table[slot].pointee.hub : nil
        neverOpened(slot)
        door?.answer(.unavailable)
        if let hub { sourceRefused(hub, .unavailable) }
    }

    /// `open` has answered: at once, from the stream's thread, or later.
    func opened(_ slot: UInt32, _ outcome: OpenOutcome) {
        let record = table[slot]
        guard record.pointee.source == .opening else { return }
        let entry = record.pointee.entry!
        let token = token(slot)
        if case .pending = outcome {
            record.pointee.isPending = true
            if record.pointee.reason != nil { cancelOpening(slot) } else { reschedule(slot) }
            return
        }
        record.pointee.isPending = false
        table.withGate(slot) { $0.isOpening = false }
        if record.pointee.succession != nil { return successorAnswered(slot, outcome) }
        if record.pointee.fallingBack != nil { return fallbackAnswered(slot, outcome) }
        let door = record.pointee.opening?.door
        record.pointee.opening?.door = nil
        let hub = record.pointee.role == .source ? record.pointee.hub : nil
        let answer: OpenAnswer
        switch outcome {
        case .opened(let headers):
            begin(slot)
            if hub != nil { return sourceOpened(slot, headers: headers) }
            if let reason = record.pointee.reason { end(slot, reason) }
            // Without a door the peer has left, and the record may be gone already.
            guard let door else { return }
            door.answer(.stream(headers: headers))
            return reschedule(slot)
        case .ended(let headers):
            answer = .ended(headers: headers)
        case .rejected(let status, let message, let headers):
            log.rejected(token, entry, status: status, message: message)
            answer = .rejected(status: status, message: message, headers: headers)
        case .failed(let text):
            log.failed(token, entry, text, during: "open")
            if openElsewhere(slot, door) { return }
            answer = .failed(code: token.description)
        case .pending:
            preconditionFailure("handled above")
        }
        neverOpened(slot)
        door?.answer(answer)
        if let hub { sourceRefused(hub, answer) }
    }

    /// `open` has answered OK.
    func begin(_ slot: UInt32) {
        let record = table[slot]
        let entry = record.pointee.entry!
        record.pointee.source = .open
        record.pointee.openedAt = loop.now
        record.pointee.nextDue = entry.description.hasNext ? 0 : .max
        noLongerStuck(record)
        entry.countOpen()
        log.opened(token(slot), entry, peer: record.pointee.opening?.peer)
    }

    /// The front door lost the peer, or can't send the response.
    func leave(_ token: StreamToken) {
        guard let slot = slot(takeMoved(token)), table[slot].pointee.link == .waiting else { return }
        table[slot].pointee.link = .none
        table[slot].pointee.opening?.door = nil
        switch table[slot].pointee.source {
        case .opening:
            if table[slot].pointee.reason == nil { table[slot].pointee.reason = .disconnected }
            cancelOpening(slot)
        case .open: endSource(slot, .disconnected)
        case .closeDue, .closing: break
        case .over: release(slot)
        }
    }

    /// Asks an open that has not answered to hurry; its answer is awaited all the same.
    func cancelOpening(_ slot: UInt32) {
        let record = table[slot]
        if record.pointee.role == .member { return skipJoining(slot) }
        let isFirst = table.withGate(slot) { gate in
            defer { gate.isCancelled = true }
            return !gate.isCancelled
        }
        if isFirst {
            record.pointee.closingSince = loop.now
            reschedule(slot)
        }
        record.pointee.handoff?.cancel(record.pointee.reason!)
        guard record.pointee.isPending else { return }
        interrupt(slot) { $0.isOpening }
    }

    func applyWriteDeadline(to descriptor: Int32) {
        loop.system.setWriteDeadline(descriptor, milliseconds: max(1, limits.writeDeadline / 1_000_000))
    }

    /// The connection of an opened stream is here.
    func attach(_ known: StreamToken, to transport: StreamTransport, head: [UInt8], form: ResponseForm) {
        let token = takeMoved(known)
        guard let slot = slot(token), table[slot].pointee.link == .waiting, table[slot].pointee.source != .opening
        else {
            switch transport {
            case .descriptor(let descriptor): loop.system.close(descriptor)
            case .sink(let sink): sink.abort()
            }
            return
        }
        let record = table[slot]
        switch transport {
        case .descriptor(let descriptor):
            record.pointee.descriptor = descriptor
            applyWriteDeadline(to: descriptor)
            if loop.system.add(descriptor, tag: token.raw) != 0 {
                log.cannotWatch(token)
                record.pointee.link = .connected
                return disconnect(slot, .disconnected)
            }
        case .sink(let sink):
            // What was emitted before stays in front.
            let waiting = record.pointee.outbox
            record.pointee.outbox = Outbox(sink: sink)
            if known != token { (movedSinks[known], sinkTokens[token]) = (token, known) }
            if let waiting { record.pointee.outbox!.append(waiting.bytes) }
        }
        record.pointee.link = .connected
        record.pointee.form = form
        record.pointee.lastActivity = loop.now
        output.removeAll()
        head.withUnsafeBytes { output.append($0) }
        if record.pointee.role == .member, record.pointee.source == .open {
            return memberAttached(slot, behind: head.count)
        }
        output.appendPreamble(retryMilliseconds: form.contains(.reconnects) ? jitteredRetry(slot) : nil)
        if record.pointee.source == .open {
            guard transmit(slot, behind: head.count) else { return }
            record.pointee.opening = nil
            record.pointee.handoff?.attach()
            pump(slot)
            considerMigrating(token)
        } else {
            // It ended before it could begin: the subscriber still gets a proper response, what was emitted, and comes back.
            if let outbox = record.pointee.outbox {
                output.append(outbox.bytes)
                dropPending(record)
            }
            appendFarewell(slot)
            record.pointee.link = .ending
            if transmit(slot, behind: head.count) { settle(slot) }
        }
    }

    /// What subscribers are told as their reconnection time: a quarter more or less than configured, so that they don't come together.
    func jitteredRetry(_ slot: UInt32) -> Int64 {
        let quarter = limits.retryMilliseconds / 4
        return quarter == 0 ? limits.retryMilliseconds : limits.retryMilliseconds + Int64.random(in: -quarter...quarter)
    }

    /// The place of a stream whose `open` never answered OK is free again.
    func neverOpened(_ slot: UInt32) {
        let record = table[slot]
        if let known = record.pointee.opening?.knownAs { movedDoors[known] = nil }
        record.pointee.source = .over
        record.pointee.link = .none
        record.pointee.opening = nil
        sourceIsOver(slot)
    }

    /// Logs a producer that held the loop for too long. One that makes a habit of it gets threads for its streams, for a while.
    func noteStall(_ entry: ProducerEntry, _ function: String, since before: Int64) {
        let now = loop.updateNow()
        guard let stall = stallWatch.stall(from: before, to: now, limit: limits.stallLimit, on: loop.system),
            entry.description.isNonblocking, !entry.usesThreads(at: now)
        else { return }
        log.stalled(entry, function, stall, limit: limits.stallLimit, penalty: entry.noteStall(at: now))
    }
}
