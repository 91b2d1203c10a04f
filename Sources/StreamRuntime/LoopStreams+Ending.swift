import EventStream
import StreamLoop

/// The ends of a stream: its source's, its connection's, and both together.
///
/// Exactly once is kept here: a source is closed because `source` leaves `.open`, and never else. Its thread closes it, or, at the end of the
/// turn, the loop; then `source` tells whether that was done already.
extension LoopStreams {
    /// Closes an open source.
    func endSource(_ slot: UInt32, _ reason: CloseReason) {
        let record = table[slot]
        guard record.pointee.source == .open else { return }
        if record.pointee.role == .member { return endMember(slot, reason) }
        endSuccession(slot, reason)
        record.pointee.source = record.pointee.isThreaded ? .closing : .closeDue
        record.pointee.reason = reason
        record.pointee.closingSince = loop.now
        table.withGate(slot) { $0.isCancelled = true }
        record.pointee.handoff?.end()
        if record.pointee.isThreaded {
            // Its thread closes it, as soon as what it runs has returned.
            let handoff = record.pointee.handoff!
            handoff.cancel(reason)
            interrupt(slot) { !$0.isClosing }
            return reschedule(slot)
        }
        dueCalls.append(.close(token(slot)))
        reschedule(slot)
    }

    /// Has `interrupt` called, if the producer has one: elsewhere, as it may wait for what its own `next` or `open` holds.
    /// - Parameter isAllowed: looks at the stream's gate just before.
    func interrupt(_ slot: UInt32, if isAllowed: @escaping @Sendable (StreamGate) -> Bool) {
        let (token, entry) = (token(slot), table[slot].pointee.entry!)
        guard entry.producer.hasInterrupt else { return }
        let address = UInt(bitPattern: table[slot].pointee.state)
        let call = { @Sendable [self] in
            _ = calls.run(token, "interrupt", if: { withGate(token) { isAllowed($0) } ?? false }) {
                entry.producer.interrupt(token, state: UnsafeMutableRawPointer(bitPattern: address))
            }
        }
        loop.system.runElsewhere(call, of: entry) { [self] in
            calls.forgetThread()
            log.endedThread(token, entry, "interrupt")
        }
    }

    /// A stream's thread has seen the end of its source, and closes it by itself.
    func threadFinishes(_ slot: UInt32, _ reason: CloseReason) {
        let record = table[slot]
        guard record.pointee.source == .open else { return }
        record.pointee.source = .closing
        record.pointee.reason = reason
        record.pointee.closingSince = loop.now
        table.withGate(slot) { $0.isCancelled = true }
        reschedule(slot)
    }

    /// What the end of a stream by itself says of its generation; of one that failed that is seen in the generation before.
    func noteTrial(_ slot: UInt32, _ end: SourceEnd) {
        if end.failure == nil { noteSuccess(table[slot]) } else { table[slot].pointee.doubted = nil }
    }

    /// A stream has produced an event, its first, or come to its own end.
    func noteSuccess(_ record: UnsafeMutablePointer<StreamRecord>) {
        let entry = record.pointee.entry!
        entry.generation.trial?.succeeded()
        record.pointee.doubted?.failed()
        record.pointee.doubted = nil
        // It was only kept to be compared with.
        if !entry.description.isResumable { record.pointee.resumption = nil }
    }

    /// `close` is complete.
    func closed(_ slot: UInt32) {
        let record = table[slot]
        guard record.pointee.source == .closing else { return }
        let entry = record.pointee.entry!
        let reason = record.pointee.reason!
        record.pointee.source = .over
        entry.countClose(reason)
        log.closed(
            token(slot), entry, reason: reason, duration: loop.now - record.pointee.openedAt,
            events: record.pointee.events,
            bytes: record.pointee.bytes)
        sourceIsOver(slot)
    }

    /// Nothing of the producer runs for this stream any more: its handle is stale from here on.
    func sourceIsOver(_ slot: UInt32) {
        let record = table[slot]
        let entry = record.pointee.entry!
        noLongerStuck(record)
        record.pointee.handoff?.end()
        table.withGate(slot) { gate in
            gate.isLive = false
            gate.entry = nil
            gate.handoff = nil
        }
        record.pointee.handoff = nil
        record.pointee.state = nil
        forgetCalls(slot)
        let hub = record.pointee.role == .source ? record.pointee.hub : nil
        let token = token(slot)
        entry.producer.forget(token)
        if hub == nil { entry.freePlace() }
        census.streamIsOver()
        if record.pointee.link == .none { release(slot) } else { reschedule(slot) }
        if let hub { sourceClosed(hub, token) }
        // The last: it may be the end of the generation.
        entry.generation.leave()
    }

    /// What was reported as stuck goes on after all.
    func noLongerStuck(_ record: UnsafeMutablePointer<StreamRecord>) {
        if record.pointee.isReportedStuck { census.countUnstuck() }
        record.pointee.isReportedStuck = false
    }

    /// Gives the slot back. The record's epoch is no longer that of any token that was handed out.
    func release(_ slot: UInt32) {
        let record = table[slot]
        precondition(
            record.pointee.source == .over && record.pointee.link == .none,
            "a record is released when both ends are over")
        loop.setTimer(slot, to: .max)
        forgetSink(slot)
        record.pointee.outbox = nil
        record.pointee.entry = nil
        record.pointee.role = .stream
        record.pointee.shared = nil
        record.pointee.opening = nil
        record.pointee.memberIndex = -1
        record.pointee.isBlocked = false
        record.pointee.reason = nil
        record.pointee.epoch = 0
        record.pointee.descriptor = -1
        record.pointee.dropped = 0
        record.pointee.form = []
        record.pointee.resumption = nil
        record.pointee.succession = nil
        record.pointee.fallingBack = nil
        record.pointee.doubted = nil
        record.pointee.isReportedUnanswered = false
        record.pointee.isResting = false
        record.pointee.isKept = false
        record.pointee.isPending = false
        record.pointee.isQueued = false
        record.pointee.isSinkBusy = false
        record.pointee.isThreaded = false
        record.pointee.events = 0
        record.pointee.bytes = 0
        if table.release(slot) == 0 { census.loopIsIdle() }
    }

    // MARK: The connection

    /// The peer closed, or the connection broke.
    func peerLeft(_ slot: UInt32) {
        let record = table[slot]
        if record.pointee.link == .lingering { return dropLink(slot) }
        var reason = CloseReason.disconnected
        // The system gave up on a peer that still answered, but took nothing.
        if record.pointee.descriptor >= 0, loop.system.hasTimedOut(record.pointee.descriptor),
            isAlive(record.pointee.descriptor)
        {
            reason = .slow
        }
        disconnect(slot, reason)
    }

    /// The peer has ended its sending side. Perhaps it has only that, as some proxies do behind a request; one that is gone answers what it
    /// is sent with a reset. So it is sent a comment, if nothing else is on its way.
    /// - Returns: `false` if the connection is over: the record may be gone.
    func peerFinished(_ slot: UInt32) -> Bool {
        let record = table[slot]
        if record.pointee.link == .lingering {
            dropLink(slot)
            return false
        }
        record.pointee.form.insert(.peerFinished)
        guard record.pointee.link == .connected, !record.pointee.hasPending else { return true }
        let token = token(slot)
        keepAlive(slot)
        return self.slot(token) != nil
    }

    /// Sends a comment; nothing waits to be sent.
    func keepAlive(_ slot: UInt32) {
        if table[slot].pointee.role == .member { return keepMemberAlive(slot) }
        output.removeAll()
        output.appendKeepAlive()
        if transmit(slot) { reschedule(slot) }
    }

    /// The peer of a sink has ended its sending side.
    func sinkHalfClosed(_ token: StreamToken) {
        guard let slot = slot(movedSinks[token] ?? token), table[slot].pointee.sink != nil else { return }
        _ = peerFinished(slot)
    }

    /// For the whole write deadline there was no room for a byte. The kernel holds up to megabytes for a subscriber, and says that there is
    /// room when a third of it is free: one that reads, however slowly, has time for that.
    func writeDeadlinePassed(_ slot: UInt32) {
        let record = table[slot]
        let isSlow = record.pointee.descriptor < 0 || isAlive(record.pointee.descriptor)
        if isSlow, let taken = lastTaken(from: record.pointee.descriptor), loop.now < taken + limits.writeDeadline {
            record.pointee.lastActivity = taken
            return reschedule(slot)
        }
        if record.pointee.source == .open {
            log.writeDeadlinePassed(token(slot), record.pointee.entry!, isSlow: isSlow, deadline: limits.writeDeadline)
        }
        disconnect(slot, endOfAll ?? (isSlow ? .slow : .disconnected))
    }

    /// The peer was heard of lately: it is slow; otherwise it has vanished.
    private func isAlive(_ descriptor: Int32) -> Bool {
        guard let silence = loop.system.silence(of: descriptor) else { return true }
        return silence < limits.writeDeadline / 1_000_000 * 3 / 4
    }

    /// When the peer last took something of what the kernel holds.
    private func lastTaken(from descriptor: Int32) -> Int64? {
        guard descriptor >= 0, let pause = loop.system.sendingPause(of: descriptor) else { return nil }
        return loop.now - pause * 1_000_000
    }

    /// Drops the connection at once, and closes the source.
    func disconnect(_ slot: UInt32, _ reason: CloseReason) {
        closeTransport(slot)
        table[slot].pointee.link = .none
        switch table[slot].pointee.source {
        case .open: endSource(slot, reason)
        case .over: release(slot)
        case .closeDue, .closing: reschedule(slot)
        case .opening:
            // It had the connection of one that failed.
            if table[slot].pointee.reason == nil { table[slot].pointee.reason = reason }
            cancelOpening(slot)
            reschedule(slot)
        }
    }

    /// Drops what is left of a connection whose stream is over.
    func dropLink(_ slot: UInt32) {
        disconnect(slot, .disconnected)
    }

    private func closeTransport(_ slot: UInt32) {
        let record = table[slot]
        if record.pointee.descriptor >= 0 {
            loop.system.close(record.pointee.descriptor)
            record.pointee.descriptor = -1
        }
        record.pointee.sink?.abort()
        record.pointee.outbox = nil
        record.pointee.isSinkBusy = false
    }

    /// The end is in the output or was sent: once nothing waits, ends the connection in a way that loses no byte.
    ///
    /// Closing a socket that has unread input resets the connection, and the peer may lose what it has not read yet: so the
    /// input is dropped, writing is shut down, and the peer has a moment to close its side (RFC 9112, section 9.6).
    func settle(_ slot: UInt32) {
        let record = table[slot]
        guard record.pointee.link == .ending, !record.pointee.hasPending else { return reschedule(slot) }
        if let sink = record.pointee.sink {
            sink.finish()
            record.pointee.outbox = nil
            record.pointee.link = .none
            if record.pointee.source == .over { release(slot) } else { reschedule(slot) }
            return
        }
        loop.system.shutdownWriting(record.pointee.descriptor)
        if record.pointee.form.contains(.peerFinished) { return dropLink(slot) }
        record.pointee.link = .lingering
        record.pointee.lastActivity = loop.now
        guard dropInput(slot) else { return }
        reschedule(slot)
    }

    /// A sink's connection is gone.
    func sinkClosed(_ token: StreamToken) {
        guard let slot = slot(movedSinks[token] ?? token), table[slot].pointee.sink != nil else { return }
        table[slot].pointee.outbox = nil
        disconnect(slot, .disconnected)
    }

    // MARK: Ends from outside

    /// Ends a stream from outside: its subscriber gets what was produced, a reconnection time, and a clean end.
    func end(_ slot: UInt32, _ reason: CloseReason) {
        let record = table[slot]
        endSuccession(slot, reason)
        if record.pointee.role == .source, record.pointee.source == .open { return endHubSource(slot, reason) }
        switch record.pointee.source {
        case .opening:
            guard record.pointee.reason == nil else { return }
            record.pointee.reason = reason
            cancelOpening(slot)
        case .open:
            output.removeAll()
            let isConnected = record.pointee.link == .connected
            // Its thread may have seen the end of the source before: then that is how it ended.
            if isConnected, let sourceEnd = takeHandoff(slot) {
                return finish(slot, sourceEnd, mayFallBack: false)
            }
            takeProduced(slot)
            // Without its connection yet, what was emitted is kept for it.
            if record.pointee.link == .waiting, !output.isEmpty { keep(record, output.bytes) }
            if isConnected { record.pointee.link = .ending }
            endSource(slot, reason)
            guard isConnected else { return }
            appendFarewell(slot)
            if transmit(slot) { settle(slot) }
        case .closeDue, .closing, .over:
            break
        }
    }

    // MARK: The last words

    /// Of a stream that is complete. Who does not reconnect needs no mark to be kept from it.
    func appendFinished(_ slot: UInt32) {
        if table[slot].pointee.form.contains(.reconnects) { output.appendFinished() }
        appendLastChunk(slot)
    }

    /// - Parameter message: what the producer said; `nil`: a code is all that the subscriber is told.
    func appendFailure(_ slot: UInt32, _ message: String?) {
        output.appendStreamError(message ?? "sluice-\(token(slot))")
        appendLastChunk(slot)
    }

    /// Of a stream that ends for the server's reasons. A client that reconnects goes by the time that its producer gave, if it did; any other
    /// one sees that the response was cut off.
    func appendFarewell(_ slot: UInt32) {
        let form = table[slot].pointee.form
        guard form.contains(.reconnects) else { return }
        if !form.contains(.hasProducersRetry) { output.appendFarewell(retryMilliseconds: jitteredRetry(slot)) }
        appendLastChunk(slot)
    }

    private func appendLastChunk(_ slot: UInt32) {
        if table[slot].pointee.form.contains(.chunked) { output.appendLastChunk() }
    }

    /// Ends all streams, those to come included, or those of one generation: of that one after the other, as the streams of others
    /// have events meanwhile.
    func endAll(of generation: Generation?, _ reason: CloseReason) {
        if generation == nil { endOfAll = reason }
        for slot in 1..<max(1, table.end) {
            guard let entry = table[slot].pointee.entry, generation == nil || entry.generation === generation else {
                continue
            }
            // The end of its hub reaches a subscriber behind all that came before.
            if table[slot].pointee.role == .member, table[slot].pointee.source == .open { continue }
            if generation == nil { end(slot, reason) } else { chores.append((token(slot), .end(reason))) }
        }
    }

    /// Drops all connections without further waiting; their sources are closed already.
    func dropAllLinks() {
        for slot in 1..<max(1, table.end) where table[slot].pointee.entry != nil {
            switch table[slot].pointee.link {
            case .connected, .ending, .lingering: disconnect(slot, .shutdown)
            case .waiting, .none: break
            }
        }
    }
}
