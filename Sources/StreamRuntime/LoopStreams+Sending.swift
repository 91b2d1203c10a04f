import EventStream
import StreamLoop

/// From a producer's events to the socket.
extension LoopStreams {
    /// How a source ended by itself, seen from the loop.
    enum SourceEnd {
        case completed
        case failed(StreamFailure)
        /// It failed because its queue was full; a thread of its own does not know that yet.
        case overflowed(StreamFailure)

        var failure: StreamFailure? {
            switch self {
            case .completed: nil
            case .failed(let failure), .overflowed(let failure): failure
            }
        }

        /// What it ended in, for the log.
        var function: String { if case .overflowed = self { "callback" } else { "next" } }
        var isOverflow: Bool { if case .overflowed = self { true } else { false } }
    }

    /// Sends what was emitted, or has come from the stream's thread; what its producer is to be asked for waits for the end of the turn.
    func pump(_ slot: UInt32) {
        let record = table[slot]
        switch record.pointee.role {
        case .source: return pumpSource(slot)
        case .member: return pumpMember(slot)
        case .clock: return
        case .stream: break
        }
        guard record.pointee.link == .connected, !record.pointee.isQueued, record.pointee.source != .opening else {
            return
        }
        if record.pointee.hasPending { return endIfOverflowed(slot) }
        if isPullDue(record, at: loop.now) { return queue(slot) }
        output.removeAll()
        if let sourceEnd = takeHandoff(slot) { return finish(slot, sourceEnd) }
        if !output.isEmpty {
            count(record)
            guard transmit(slot) else { return }
            // There may be room again for what was refused.
            if !record.pointee.hasPending, isPullDue(record, at: loop.now) { queue(slot) }
        }
        reschedule(slot)
    }

    /// What is over ends now, behind what the socket has yet to take.
    private func endIfOverflowed(_ slot: UInt32) {
        guard table[slot].pointee.handoff?.hasOverflowed == true else { return }
        output.removeAll()
        if let sourceEnd = takeHandoff(slot) { finish(slot, sourceEnd) }
    }

    /// At the end of a turn: fetches what there is and sends it, until the socket is full, nothing is left, or others must have their turn.
    /// - Returns: `false` if the loop is lost.
    func serve(_ slot: UInt32) -> Bool {
        let record = table[slot]
        guard record.pointee.link == .connected, record.pointee.source != .opening else { return true }
        if record.pointee.hasPending {
            endIfOverflowed(slot)
            return true
        }
        let began = loop.now
        var hasMore = true
        for _ in 0..<Self.batchesPerTurn where hasMore {
            output.removeAll()
            hasMore = false
            switch fetch(slot) {
            case .lost: return false
            case .all: break
            case .more: hasMore = true
            case .end(let end):
                finish(slot, end)
                return true
            }
            if !output.isEmpty {
                count(record)
                guard transmit(slot) else { return true }
                if record.pointee.hasPending {
                    reschedule(slot)
                    return true
                }
            }
            if loop.now - began > 1_000_000 { break }
        }
        if hasMore || isPullDue(record, at: loop.now) {
            queue(slot)
        } else if loop.now >= keepAliveDue(slot) {
            // However often it was asked.
            keepAlive(slot)
            return true
        }
        reschedule(slot)
        return true
    }

    /// Moves what `emit` and the stream's thread have left into the output.
    func takeHandoff(_ slot: UInt32) -> SourceEnd? {
        let record = table[slot]
        guard let handoff = record.pointee.handoff, !record.pointee.isResting else { return nil }
        let taken = handoff.take(into: &output)
        if taken.isRoomWanted, record.pointee.source == .open, !record.pointee.isThreaded,
            record.pointee.entry!.description.hasNext
        {
            record.pointee.nextDue = 0
        }
        if taken.isRoomWanted, record.pointee.isThreaded { handoff.wakeThread() }
        switch taken.finish {
        case nil: return taken.overflow.map(SourceEnd.overflowed)
        case .ended: return .completed
        case .failed(let failure): return .failed(failure)
        }
    }

    /// The source is at its end: closes it, and sends what was produced and what the end is told by.
    /// - Parameter mayFallBack: it may go on in the generation before.
    func finish(_ slot: UInt32, _ end: SourceEnd, mayFallBack: Bool = true) {
        let record = table[slot]
        let entry = record.pointee.entry!
        let token = token(slot)
        let failure = end.failure
        noteTrial(slot, end)
        if let failure { log.failed(token, entry, failure.log, during: end.function) }
        // What it emitted in its last call came before its end.
        if endsByItsThread(slot, end) { count(record) } else { takeProduced(slot) }
        if mayFallBack, fallBack(slot, end) { return }
        record.pointee.link = .ending
        closeEnded(slot, end)
        if let failure { appendFailure(slot, failure.message) } else { appendFinished(slot) }
        if transmit(slot) { settle(slot) }
    }

    private func endsByItsThread(_ slot: UInt32, _ end: SourceEnd) -> Bool {
        table[slot].pointee.isThreaded && !end.isOverflow
    }

    /// Closes a source that is at its end.
    func closeEnded(_ slot: UInt32, _ end: SourceEnd) {
        let reason = end.failure == nil ? CloseReason.completed : .failed
        if endsByItsThread(slot, end) { threadFinishes(slot, reason) } else { endSource(slot, reason) }
    }

    /// Adds to the output what was emitted and not sent yet, and counts all of it: before the source is closed, and logged. From
    /// then on nothing can be emitted, so that what was accepted is also sent.
    func takeProduced(_ slot: UInt32) {
        stopEmitting(slot)
        count(table[slot])
    }

    /// Adds to the output what was emitted and not sent yet; from now on nothing can be.
    func stopEmitting(_ slot: UInt32) {
        let record = table[slot]
        // An emit may have made the queue only just now.
        record.pointee.handoff = table.withGate(slot) { gate in
            gate.isCancelled = true
            return gate.handoff
        }
        if let handoff = record.pointee.handoff {
            handoff.end()
            _ = handoff.take(into: &output)
        }
    }

    /// Adds the producer's frames in the output to the stream's count.
    func count(_ record: UnsafeMutablePointer<StreamRecord>) {
        if record.pointee.events == 0, output.frameCount > 0 { noteSuccess(record) }
        record.pointee.events += output.frameCount
        record.pointee.bytes += output.count - output.frameCount * Chunk.overhead
        if output.newestRetry >= 0 { record.pointee.form.insert(.hasProducersRetry) }
        if output.frameCount > 0 { record.pointee.resumption?.note(output.newestID) }
    }

    /// Sends the output; what the socket does not take waits with the record.
    /// - Parameter headCount: what lies before the frames. Bytes.
    /// - Returns: `false` if the connection turned out to be gone: the record may be too.
    func transmit(_ slot: UInt32, behind headCount: Int = 0) -> Bool {
        let record = table[slot]
        if !record.pointee.form.contains(.chunked) { output.removeChunks(from: headCount) }
        if record.pointee.hasPending {
            keep(record, output.bytes)
            return true
        }
        guard !output.isEmpty else { return true }
        if let sink = record.pointee.sink {
            record.pointee.isSinkBusy = true
            record.pointee.lastActivity = loop.now
            sink.carrier.carry(SharedBytes(copying: output.bytes).whole, to: [sink])
            return true
        }
        switch loop.system.send(record.pointee.descriptor, output.bytes) {
        case .sent(let count):
            record.pointee.lastActivity = loop.now
            if count < output.count { keep(record, UnsafeRawBufferPointer(rebasing: output.bytes[count...])) }
        case .full:
            // The subscriber's time to take them begins now, however long ago it took the last byte.
            record.pointee.lastActivity = loop.now
            keep(record, output.bytes)
        case .gone:
            peerLeft(slot)
            return false
        }
        return true
    }

    /// Puts bytes behind those that wait already.
    func keep(_ record: UnsafeMutablePointer<StreamRecord>, _ bytes: UnsafeRawBufferPointer) {
        if record.pointee.outbox == nil { record.pointee.outbox = Outbox() }
        record.pointee.outbox!.append(bytes)
    }

    func dropPending(_ record: UnsafeMutablePointer<StreamRecord>) {
        guard let outbox = record.pointee.outbox else { return }
        if outbox.sink == nil { record.pointee.outbox = nil } else { outbox.removeAll() }
    }

    /// The socket takes bytes again.
    func flush(_ slot: UInt32) {
        let record = table[slot]
        record.pointee.isBlocked = false
        while let outbox = record.pointee.outbox {
            let bytes = outbox.bytes
            switch loop.system.send(record.pointee.descriptor, bytes) {
            case .full: return reschedule(slot)
            case .gone: return peerLeft(slot)
            case .sent(let count):
                record.pointee.lastActivity = loop.now
                outbox.drop(count)
                guard outbox.isEmpty else { return reschedule(slot) }
                record.pointee.outbox = nil
            }
        }
        if record.pointee.link == .ending { settle(slot) } else { pump(slot) }
    }

    /// The sink took everything.
    func sinkDrained(_ token: StreamToken) {
        guard let slot = slot(movedSinks[token] ?? token), let sink = table[slot].pointee.sink,
            table[slot].pointee.isSinkBusy
        else {
            return
        }
        let record = table[slot]
        record.pointee.isSinkBusy = false
        record.pointee.lastActivity = loop.now
        if record.pointee.hasBytesWaiting {
            let rest = SharedBytes(copying: record.pointee.outbox!.bytes)
            dropPending(record)
            record.pointee.isSinkBusy = true
            sink.carrier.carry(rest.whole, to: [sink])
            return reschedule(slot)
        }
        if record.pointee.link == .ending { settle(slot) } else { pump(slot) }
    }

    /// - Returns: `false` if the connection is gone.
    func dropInput(_ slot: UInt32) -> Bool {
        let record = table[slot]
        switch loop.system.dropInput(record.pointee.descriptor, limit: Self.inputLimit) {
        case .finished:
            return peerFinished(slot)
        case .broken:
            peerLeft(slot)
            return false
        case .dropped(let count):
            record.pointee.dropped = UInt16(clamping: Int(record.pointee.dropped) + count)
            guard record.pointee.dropped >= Self.inputLimit else { return true }
            log.hostileInput(token(slot))
            disconnect(slot, .disconnected)
            return false
        }
    }
}
