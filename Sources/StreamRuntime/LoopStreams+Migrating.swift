import DequeModule
import EventStream
import StreamLoop

/// The streams of a generation that was replaced go on in the newer one, in the same response.
///
/// The old stream comes to rest: what it has produced is on its way, and nothing more is asked of it. Its successor opens, with the
/// request of the old one, the last id that was produced, and what `save` said. If it opens, it gets the subscriber in the same turn,
/// behind everything that the old one produced, and that one is closed. If it does not, the old one goes on as if nothing had been.
/// Until then each end that a stream can have is the old stream's, and takes the successor with it.
///
/// A stream on a thread rests between two calls of `next`, which may take long. Where the producer's own ids say exactly how far it came,
/// or it has not produced anything, and it has nothing to save, nobody waits for that: its successor opens behind the last id that has
/// come from the thread, and what the thread produces meanwhile is kept back: dropped when the successor, which makes the same events
/// again, has opened; sent if it has not.
extension LoopStreams {
    /// Successors that may open at a time, where that takes a while.
    static let successorsOpeningMax = 32
    /// How long the chores of one turn may take. Nanoseconds.
    private static let choreTime: Int64 = 1_000_000
    private static let choresPerTurn = 64

    // MARK: When

    /// The generation was replaced.
    func migrateAll(of generation: Generation) {
        for slot in 1..<max(1, table.end) where table[slot].pointee.entry?.generation === generation {
            guard table[slot].pointee.role == .stream || table[slot].pointee.role == .source else { continue }
            table[slot].pointee.isKept = false
            considerMigrating(token(slot))
        }
    }

    /// The stream may have come to where it can be continued by another.
    func considerMigrating(_ token: StreamToken) {
        guard let slot = slot(token), isMigratable(slot) else { return }
        chores.append((token, .migrate))
    }

    private func isMigratable(_ slot: UInt32) -> Bool {
        let record = table[slot]
        guard record.pointee.source == .open, record.pointee.succession == nil, !record.pointee.isKept,
            record.pointee.entry?.successor != nil
        else { return false }
        switch record.pointee.role {
        case .stream: return record.pointee.link == .connected && record.pointee.resumption != nil
        case .source: return record.pointee.hub.state == .open
        case .member, .clock: return false
        }
    }

    /// There are chores that can be done at once.
    var hasChores: Bool { !chores.isEmpty && successorsOpening < Self.successorsOpeningMax }

    /// At the end of a turn.
    /// - Returns: `false` if the loop is lost.
    func doChores() -> Bool {
        guard !chores.isEmpty else { return true }
        let began = loop.updateNow()
        for _ in 0..<Self.choresPerTurn {
            guard successorsOpening < Self.successorsOpeningMax, let (token, chore) = chores.popFirst() else { break }
            if let slot = slot(token) {
                switch chore {
                case .migrate: if isMigratable(slot) { guard migrate(slot) else { return false } }
                // One whose successor is about to be opened waits for that; one that stays was told to by its answer.
                case .end(.reloaded) where isAboutToBeContinued(slot): chores.append((token, chore))
                case .end(let reason): if reason != .reloaded || !table[slot].pointee.isKept { end(slot, reason) }
                }
            }
            if loop.updateNow() - began > Self.choreTime { break }
        }
        return true
    }

    // MARK: The old stream comes to rest

    /// - Returns: `false` if the loop is lost.
    private func migrate(_ slot: UInt32) -> Bool {
        let record = table[slot]
        let entry = record.pointee.entry!
        let succession = Succession(of: token(slot), by: entry.successor!)
        record.pointee.succession = succession
        if record.pointee.isThreaded, entry.description.savesState || !isPlaced(slot) {
            succession.rest = record.pointee.handoff!.wantRest()
            return true
        }
        return rest(slot, succession, saved: nil)
    }

    /// What a successor is told says exactly how far the stream came, wherever it is in its `next`.
    private func isPlaced(_ slot: UInt32) -> Bool {
        if givesItsOwnIDs(slot) { return true }
        let record = table[slot]
        guard record.pointee.role == .source else { return record.pointee.resumption?.isAtBeginning ?? false }
        return record.pointee.hub.master.history.end == 0
    }

    private func givesItsOwnIDs(_ slot: UInt32) -> Bool {
        let record = table[slot]
        guard record.pointee.role == .source else { return record.pointee.resumption?.hasGivenID ?? false }
        return record.pointee.hub.master.history.newestProducerID != nil
    }

    /// The stream's thread rests.
    func rested(_ token: StreamToken, _ number: Int, _ saved: [UInt8]?) {
        guard let slot = slot(token), let succession = table[slot].pointee.succession, succession.rest == number,
            !table[slot].pointee.isResting
        else { return }
        _ = rest(slot, succession, saved: saved)
    }

    /// - Returns: `false` if the loop is lost; on a thread the producer is asked there, and it is not.
    private func rest(_ slot: UInt32, _ succession: Succession, saved: [UInt8]?) -> Bool {
        let record = table[slot]
        let entry = record.pointee.entry!
        // An emit may have made the queue only just now.
        record.pointee.handoff = table.withGate(slot) { gate in
            gate.isResting = true
            return gate.handoff
        }
        output.removeAll()
        let hasEnded = record.pointee.handoff?.hold(into: &output) != nil
        record.pointee.isResting = true
        // Sent or kept before anything else can be.
        if record.pointee.role == .source {
            publish(slot)
        } else {
            count(record)
            guard transmit(slot) else { return true }
        }
        guard !hasEnded else {
            // By itself, a moment ago: its thread will say so.
            endSuccession(slot, .completed)
            pump(slot)
            return true
        }
        guard record.pointee.succession === succession else { return true }
        if record.pointee.isThreaded, succession.rest == nil, !isPlaced(slot) {
            // Its first event, just now, had no id: how far it comes is known only when its thread rests.
            goOn(slot)
            succession.rest = record.pointee.handoff!.wantRest()
            pump(slot)
            return true
        }
        var saved = saved
        if !record.pointee.isThreaded, entry.description.savesState {
            guard save(slot, &saved) else { return false }
        }
        openSuccessor(slot, succession, saved: saved)
        return true
    }

    // MARK: The new stream opens

    private func openSuccessor(_ old: UInt32, _ succession: Succession, saved: [UInt8]?) {
        let target = succession.target
        var request =
            table[old].pointee.role == .source
            ? successorRequest(table[old].pointee.hub) : table[old].pointee.resumption!.current
        guard let parameters = target.producer.adopt(request.parameters) else {
            let text = "its parameters do not fit the new signature (\(target.description.parameters))"
            return keep(old, insteadOf: target, text, isFailure: false)
        }
        guard let slot = addContinuation(by: target, peer: request.remoteAddress) else {
            let text = "the new generation is over, or there is no place for another stream"
            return keep(old, insteadOf: target, text, isFailure: false)
        }
        request.parameters = parameters
        request.saved = saved
        succession.saved = saved
        let token = token(slot)
        succession.new = token
        succession.deadline = loop.now.addingSaturating(limits.migrationDeadline)
        table[slot].pointee.succession = succession
        successorsOpening += 1
        openContinuation(slot, request)
        // It has not answered yet.
        if self.slot(token) != nil, table[slot].pointee.succession === succession { reschedule(slot) }
    }

    /// Takes a place for a stream that continues another.
    /// - Returns: `nil` if the generation is over, or the table full.
    func addContinuation(by target: ProducerEntry, peer: String) -> UInt32? {
        guard target.generation.enter() else { return nil }
        guard let slot = table.allocate() else {
            target.generation.leave()
            return nil
        }
        census.addStream()
        target.addPlace()
        let isShared = target.description.isShared
        let handoff =
            target.usesThreads(at: loop.now) ? Handoff(limitBytes: limits.handoffBytes, isMarked: isShared) : nil
        handoff?.becomeThreaded(with: [])
        let epoch = openGate(slot, target, handoff, isShared: isShared)
        let record = table[slot]
        record.pointee.epoch = epoch
        record.pointee.source = .opening
        record.pointee.entry = target
        record.pointee.handoff = handoff
        record.pointee.isThreaded = handoff != nil
        record.pointee.lastActivity = loop.now
        record.pointee.opening = Opening(door: nil, peer: isShared ? "shared" : peer)
        return slot
    }

    /// Calls its `open`, here or on its thread.
    func openContinuation(_ slot: UInt32, _ request: StreamRequest) {
        let (token, entry) = (token(slot), table[slot].pointee.entry!)
        guard let handoff = table[slot].pointee.handoff else {
            dueCalls.append(.open(token, request))
            return
        }
        census.addThread()
        if !StreamThread.start(token, entry, handoff, self, .open(request)) {
            census.threadIsFree()
            skipOpening(slot)
        }
    }

    /// The open of a successor has answered.
    /// - Parameter outcome: `nil`: it was not even called.
    func successorAnswered(_ slot: UInt32, _ outcome: OpenOutcome?) {
        let record = table[slot]
        let succession = record.pointee.succession!
        record.pointee.succession = nil
        let old = self.slot(succession.old).flatMap { table[$0].pointee.succession === succession ? $0 : nil }
        if old != nil { successorsOpening -= 1 }
        guard case .opened? = outcome else {
            neverOpened(slot)
            if let old { keep(old, insteadOf: succession.target, outcome.refusal, isFailure: outcome.isFailure) }
            return
        }
        begin(slot)
        record.pointee.opening = nil
        if let old { takeUpHandoff(old) }
        // One that a still newer generation is to have all the same gets the stream first: it may have emitted something already.
        guard let old, record.pointee.reason == nil, table[old].pointee.entry!.successor != nil,
            table[old].pointee.handoff?.hasOverflowed != true
        else {
            // Nobody waits for it any more, or its generation was taken back, or the old one has failed by its own rule.
            if let old {
                endRest(old)
                pump(old)
                considerMigrating(succession.old)
            }
            return endSource(slot, record.pointee.reason ?? .reloaded)
        }
        // Its queue stays shut until it is closed: what was accepted from here on would be lost.
        table[old].pointee.succession = nil
        table[old].pointee.isResting = false
        let token = token(slot)
        takeHeld(old)
        let saved = record.pointee.entry!.fallback == nil ? nil : succession.saved
        if table[old].pointee.role == .source {
            handOverHub(from: old, to: slot, saved: saved)
        } else {
            handOver(from: old, to: slot, saved: saved)
        }
        considerMigrating(token)
    }

    /// An emit may have made the stream's queue while it rested.
    private func takeUpHandoff(_ slot: UInt32) {
        table[slot].pointee.handoff = table.withGate(slot) { $0.handoff }
    }

    /// What a callback's function was given while the stream rested, when its place was known already. Behind an id, or what was saved, it is
    /// the successor's to make again: sent here, it would come twice. A stream that has neither has no place either: what it
    /// accepted is left in the output, to be sent before anything of its successor.
    private func takeHeld(_ slot: UInt32) {
        let record = table[slot]
        let entry = record.pointee.entry!
        output.removeAll()
        guard let handoff = record.pointee.handoff else { return }
        stopEmitting(slot)
        let byThread = handoff.threadFramesHeld
        guard entry.description.savesState || givesItsOwnIDs(slot) || output.newestID != nil || byThread > 0 else {
            return
        }
        let left = output.frameCount - byThread
        output.removeAll()
        guard left > 0 else { return }
        let count = entry.countSuperseded(left)
        // One line for the first, and for each time that there are twice as many.
        if count.leadingZeroBitCount != (count - left).leadingZeroBitCount {
            log.superseded(token(slot), entry, count: count)
        }
    }

    /// The subscriber changes over, with all that waits to be sent to it, what is in the output included.
    private func handOver(from old: UInt32, to slot: UInt32, saved: [UInt8]?) {
        count(table[old])
        let resumption = table[old].pointee.resumption
        resumption?.saved = saved
        table[slot].pointee.resumption = resumption
        table[old].pointee.resumption = nil
        moveConnection(from: old, to: slot)
        if table[slot].pointee.link == .connected { _ = transmit(slot) }
        endSource(old, .reloaded)
        guard table[slot].pointee.link == .connected else { return }
        table[slot].pointee.handoff?.attach()
        pump(slot)
    }

    func moveConnection(from old: UInt32, to slot: UInt32) {
        let (from, to) = (table[old], table[slot])
        to.pointee.link = from.pointee.link
        to.pointee.descriptor = from.pointee.descriptor
        to.pointee.outbox = from.pointee.outbox
        to.pointee.isSinkBusy = from.pointee.isSinkBusy
        to.pointee.dropped = from.pointee.dropped
        to.pointee.form = from.pointee.form
        to.pointee.lastActivity = from.pointee.lastActivity
        from.pointee.link = .none
        from.pointee.descriptor = -1
        from.pointee.outbox = nil
        from.pointee.isSinkBusy = false
        if to.pointee.sink != nil {
            let first = sinkTokens.removeValue(forKey: token(old)) ?? token(old)
            sinkTokens[token(slot)] = first
            movedSinks[first] = token(slot)
        } else if loop.system.rename(to.pointee.descriptor, tag: token(slot).raw) != 0 {
            log.cannotWatch(token(slot))
            disconnect(slot, .disconnected)
        }
    }

    /// The slot has no sink any more.
    func forgetSink(_ slot: UInt32) {
        guard !sinkTokens.isEmpty, let first = sinkTokens.removeValue(forKey: token(slot)) else { return }
        movedSinks[first] = nil
    }

    // MARK: It does not come to that

    /// The successor's open takes too long: the old stream goes on, and the successor is closed if it ever opens.
    func giveUp(_ slot: UInt32, _ succession: Succession) {
        succession.deadline = .max
        let token = token(slot)
        // Whatever becomes of the old stream: the successor may have been told to end before, and then nobody else sets its timer.
        defer { if self.slot(token) != nil { reschedule(slot) } }
        guard let old = self.slot(succession.old), table[old].pointee.succession === succession else { return }
        endSuccession(old, .reloaded)
        keep(
            old, insteadOf: succession.target, "no answer within \(limits.migrationDeadline / 1_000_000) ms",
            isFailure: true)
    }

    /// The stream ends, or goes on by itself: whoever was to continue it is not needed.
    func endSuccession(_ slot: UInt32, _ reason: CloseReason) {
        guard let succession = table[slot].pointee.succession, succession.old == token(slot) else { return }
        endRest(slot)
        guard let new = succession.new.flatMap(self.slot), table[new].pointee.succession === succession else { return }
        successorsOpening -= 1
        guard table[new].pointee.reason == nil else { return }
        // How the old one ended by itself is not how the new one does.
        table[new].pointee.reason = reason == .completed || reason == .failed ? .disconnected : reason
        cancelOpening(new)
    }

    /// The old stream rests no longer.
    private func endRest(_ slot: UInt32) {
        table[slot].pointee.succession = nil
        goOn(slot)
    }

    func goOn(_ slot: UInt32) {
        let record = table[slot]
        record.pointee.isResting = false
        record.pointee.handoff?.endRest()
        let isRoomWanted = table.withGate(slot) { gate in
            defer { gate.isRoomWanted = false }
            gate.isResting = false
            return gate.isRoomWanted
        }
        if isRoomWanted, record.pointee.entry!.description.hasNext { record.pointee.nextDue = 0 }
    }

    /// The generation that was asked does not want the stream: it stays where it is.
    /// - Parameter isFailure: it counts against that generation.
    private func keep(_ slot: UInt32, insteadOf target: ProducerEntry, _ text: String, isFailure: Bool) {
        let record = table[slot]
        let token = token(slot)
        endRest(slot)
        record.pointee.isKept = true
        if isFailure { target.generation.trial?.failed() }
        let count = record.pointee.entry!.countKept()
        // One line for the first, and for each time that there are twice as many.
        if count & (count - 1) == 0 { log.kept(token, record.pointee.entry!, text, count: count) }
        // Meanwhile there may be another to ask.
        if target !== record.pointee.entry!.successor { record.pointee.isKept = false }
        pump(slot)
        considerMigrating(token)
    }
}
