import EventStream
import ProducerInterface
import StreamLoop

/// One subscriber of a hub: a connection, and a place in the history.
struct HubSubscriber: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    var hub: Hub { row.pointee.hub }
    private var replica: HubReplica? { streams.replicas[ObjectIdentifier(hub)] }
    private var connected: Connection { Connection(self) }

    // MARK: Joining

    /// - Parameter epoch: from `openGate`.
    func prepare(_ entry: ProducerEntry, epoch: UInt32, _ hub: Hub) {
        row.pointee.role = .hubSubscriber
        row.pointee.shared = hub
        row.pointee.epoch = epoch
        row.pointee.entry = entry
        row.pointee.since = loop.now
    }

    /// The hub's stream is open: answers the subscriber's request.
    func opened(_ replica: HubReplica) {
        moveOver(to: replica.entry)
        connection.membership = .joined
        row.pointee.since = loop.now
        table.withGate(slot) { $0.isOpening = false }
        let opening = row.pointee.opening
        let door = opening?.door
        opening?.door = nil
        opening?.place = replica.history.end
        log.joined(token, entry, from: opening)
        door?.answer(.stream(headers: replica.opened.headers))
        reschedule()
    }

    /// The subscriber cannot join: answers its request.
    func refused(_ answer: OpenAnswer) {
        let door = row.pointee.opening?.door
        leaveHub()
        connection.link = .none
        row.pointee.opening = nil
        isOver()
        door?.answer(answer)
    }

    /// The peer left, the server stops, or the hub has ended before the subscriber has joined.
    func skip() { refused(.unavailable) }

    /// The connection is here: the subscriber takes its place in the history.
    /// - Parameter headCount: how many bytes of the output are the head of the response.
    func attached(behind headCount: Int) {
        guard connection.membership == .joined else {
            // It ended before it could begin. The subscriber still gets a proper response, and reconnects.
            let retry = connection.form.contains(.reconnects) ? connected.jitteredRetryMilliseconds : nil
            HostFrames.writePreamble(to: &output, retryMilliseconds: retry)
            connected.appendFarewell()
            connection.link = .ending
            if connected.transmit(behind: headCount) { connected.settle() }
            return
        }
        guard let replica else {
            HostFrames.writePreamble(to: &output, retryMilliseconds: connected.jitteredRetryMilliseconds)
            if connected.transmit(behind: headCount) { end(.reloaded) }
            return
        }
        moveOver(to: replica.entry)
        let opening = row.pointee.opening
        row.pointee.opening = nil
        let start = start(of: opening, in: replica)
        let history = replica.history
        let retry = history.retryMilliseconds >= 0 ? history.retryMilliseconds : connected.jitteredRetryMilliseconds
        let cursor: Int64
        switch start {
        case .at(let place):
            cursor = place
            if opening?.lastEventID == nil { tally.pointee.fresh += 1 } else { tally.pointee.replayed += 1 }
            // A subscriber that sent an id keeps that until the first event.
            let isNew = replica.isAnchored && opening?.lastEventID == nil
            HostFrames.writePreamble(
                to: &output, retryMilliseconds: retry,
                anchor: isNew ? history.anchor(at: place, numbering: replica.numbering) : nil)
        case .gap(let from, let lost):
            cursor = from
            tally.pointee.gaps += 1
            HostFrames.writePreamble(to: &output, retryMilliseconds: retry)
            HostFrames.writeGap(to: &output, oldestID: history.oldestID, lost: lost)
        }
        guard connected.transmit(behind: headCount) else { return }
        var member = HubReplica.Member(
            descriptor: connection.descriptor, slot: slot, cursor: cursor,
            isPlain: !connection.form.contains(.chunked))
        member.isBlocked = row.pointee.hasPending
        connection.memberIndex = Int32(replica.add(member))
        HubSubscribers(streams, hub, replica).startClock()
        guard member.isBlocked else { return pump() }
        replica.rearmost = min(replica.rearmost, cursor)
        reschedule()
    }

    /// Where in the history the subscriber begins.
    private func start(of opening: Opening?, in replica: HubReplica) -> HistoryStart {
        let history = replica.history
        guard let id = opening?.lastEventID else {
            // From the moment it was admitted, not when its connection arrived: it must not miss the start of a stream
            // that begins at once.
            return .at(history.start(last: opening?.historyCount ?? 0, before: opening?.place ?? history.end))
        }
        let start = history.start(after: Array(id.utf8), numbering: replica.numbering)
        // No frame has this id of the producer's, but the stream itself was opened after it: nothing is missed.
        if case .gap(from: 0, lost: _) = start, id == replica.opened.beginning { return .at(0) }
        return start
    }

    /// Moves to another producer's entry, unless that entry's generation has been shut down: then its streams end soon.
    func moveOver(to new: ProducerEntry) {
        guard entry !== new, Admission.move(row, to: new, in: streams) else { return }
        table.withGate(slot) { $0.entry = new }
    }

    // MARK: Leaving

    /// Ends it from outside; the hub's stream continues.
    func end(_ reason: CloseReason) {
        switch connection.membership {
        case .joining: skip()
        case .none, .left: break
        case .joined:
            output.removeAll()
            let isConnected = connection.link == .connected
            if isConnected { connection.link = .ending }
            leave(reason)
            guard isConnected else { return }
            connected.appendFarewell()
            if connected.transmit() { connected.settle() }
        }
    }

    /// Its connection is gone.
    func disconnected(_ reason: CloseReason) {
        switch connection.membership {
        case .joining: skip()
        case .joined: leave(reason)
        case .none: break
        case .left: streams.release(slot)
        }
    }

    /// The subscriber has everything before the end.
    private func finish(_ ending: HubEnding) {
        connection.link = .ending
        leave(ending.reason)
        output.removeAll()
        switch ending {
        case .completed: connected.appendFinished()
        case .failed(let message): connected.appendFailure(message)
        case .farewell: connected.appendFarewell()
        }
        if connected.transmit() { connected.settle() }
    }

    private func leave(_ reason: CloseReason) {
        if let replica, replica.history.retryMilliseconds >= 0 { connection.form.insert(.hasProducersRetry) }
        leaveHub()
        entry.countLeave(reason)
        log.left(token, entry, reason: reason, duration: loop.now - row.pointee.since)
        isOver()
    }

    private func leaveHub() {
        // A subscriber is counted only once it is joining.
        if connection.membership != .none { HubSubscribers(streams, hub)?.remove(self) }
        connection.membership = .left
    }

    /// From now on, its token is stale and its places are free.
    private func isOver() {
        table.withGate(slot) { gate in
            gate.isLive = false
            gate.entry = nil
            gate.handoff = nil
        }
        entry.producer.forget(token)
        var admission = Admission(heldBy: row, in: streams)
        admission.use(hub)
        admission.freePlaces()
        if connection.link == .none { streams.release(slot) } else { reschedule() }
        admission.giveBack()
    }

    // MARK: Reading

    /// Sends what the subscriber does not have yet, until it has everything, its socket is full, or others must have
    /// their turn.
    func pump() {
        guard connection.link == .connected, !row.pointee.hasBytesWaiting, !connection.isSinkBusy,
            !row.pointee.isQueued, connection.memberIndex >= 0, let replica
        else { return }
        connection.isBlocked = false
        for _ in 0..<LoopStreams.batchesPerTurn {
            let member = replica.members + Int(connection.memberIndex)
            member.pointee.isBlocked = false
            guard let cursor = gather(behind: member.pointee.cursor, replica) else { return tooSlow() }
            if output.isEmpty {
                if let ending = replica.ending { return finish(ending) }
                return reschedule()
            }
            let isPlain = member.pointee.isPlain
            if isPlain { output.removeChunks() }
            if row.pointee.sink != nil { return feedSink(replica, upTo: cursor) }
            let from = member.pointee.cursor
            member.pointee.cursor = cursor
            switch loop.system.send(connection.descriptor, output.bytes) {
            case .sent(output.count): DeliveryCount(self).add(replica, from: from, to: cursor)
            case .sent(let count): return cut(replica, from: from, after: count, isPlain)
            case .full: return cut(replica, from: from, after: 0, isPlain)
            case .gone: return connected.peerLeft()
            }
        }
        queue()
        reschedule()
    }

    /// Puts up to a batch into the output, from a place in the history on.
    /// - Returns: the place after it; `nil` if the history has passed the subscriber, and it is not to get a gap
    ///   notice.
    private func gather(behind place: Int64, _ replica: HubReplica) -> Int64? {
        var cursor = place
        output.removeAll()
        if cursor < replica.history.first {
            guard replica.slowPolicy == .skip else { return nil }
            tally.pointee.skips += 1
            // Continue with the newest, not with the oldest that is held: there it would be overtaken again at once.
            HostFrames.writeGap(
                to: &output, oldestID: replica.history.oldestID, lost: UInt64(replica.history.end - cursor))
            cursor = replica.history.end
        }
        while cursor < replica.history.end, output.count < LoopStreams.batchBytes {
            output.append(replica.history.bytes(at: cursor))
            cursor += 1
        }
        return cursor
    }

    /// The socket took only part of the output. The rest of the frame that was cut waits in the row; everything after
    /// that waits in the history. Output that began with a gap notice, or is not chunked, waits in the row as a whole.
    /// - Parameter from: the place of its first frame.
    private func cut(_ replica: HubReplica, from: Int64, after sent: Int, _ isPlain: Bool) {
        if from < replica.history.first || isPlain {
            connected.keep(UnsafeRawBufferPointer(rebasing: output.bytes[sent...]))
            if isPlain {
                DeliveryCount(self).add(replica, from: from, to: replica.members[Int(connection.memberIndex)].cursor)
            }
            return block(replica)
        }
        var (rest, cursor) = (sent, from)
        while rest > 0 {
            let frame = replica.history.bytes(at: cursor)
            cursor += 1
            if rest < frame.count { connected.keep(UnsafeRawBufferPointer(rebasing: frame[rest...])) }
            rest -= frame.count
        }
        replica.members[Int(connection.memberIndex)].cursor = cursor
        DeliveryCount(self).add(replica, from: from, to: cursor)
        block(replica)
    }

    /// The subscriber gets nothing more until its socket has room.
    func block(_ replica: HubReplica) {
        let member = replica.members + Int(connection.memberIndex)
        member.pointee.isBlocked = true
        connection.isBlocked = true
        connection.lastActivity = loop.now
        replica.rearmost = min(replica.rearmost, member.pointee.cursor)
        reschedule()
    }

    /// Its sink is about to get a batch; its cursor is already after that. The sink reports when it takes more.
    func occupy(_ replica: HubReplica) -> (any FrameSink)? {
        connection.isSinkBusy = true
        block(replica)
        connection.isBlocked = false
        return row.pointee.sink
    }

    /// Gives its sink what was gathered up to a place: the history's own bytes if they are contiguous, otherwise a
    /// copy.
    private func feedSink(_ replica: HubReplica, upTo place: Int64) {
        let member = replica.members + Int(connection.memberIndex)
        let from = member.pointee.cursor
        member.pointee.cursor = place
        var bytes: SharedSlice?
        if from >= replica.history.first, !member.pointee.isPlain {
            let chunk = replica.history.chunk(at: from)
            if chunk.end >= place { (bytes, member.pointee.cursor) = chunk }
        }
        DeliveryCount(self).add(replica, from: from, to: member.pointee.cursor)
        guard let sink = occupy(replica) else { return }
        sink.carrier.carry(bytes ?? SharedBytes(copying: output.bytes).whole, to: [sink])
    }

    func tooSlow() {
        log.overtaken(token, entry)
        tally.pointee.overtaken += 1
        connected.disconnect(.slow)
    }

    func keepAlive() {
        guard !row.pointee.hasPending, !row.pointee.isQueued else { return }
        output.removeAll()
        HostFrames.writeKeepAlive(to: &output)
        guard connected.transmit(), row.pointee.hasPending, connection.memberIndex >= 0, let replica else { return }
        let member = replica.members + Int(connection.memberIndex)
        member.pointee.isBlocked = true
        replica.rearmost = min(replica.rearmost, member.pointee.cursor)
        reschedule()
    }
}
