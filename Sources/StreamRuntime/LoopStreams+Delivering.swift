import EventStream
import StreamLoop
import Synchronization

/// From a hub's history to the sockets of its subscribers on this loop.
///
/// What a delivery costs: the member's 16 bytes, which lie next to those of the others, and one `send` of the shared bytes: 71
/// instructions, among them no allocation, reference count or lock (counted in Tests/Benchmarks/README.md). The record is only
/// touched when the socket does not take all of them. Sinks get the same bytes, and one message for all that live on the same thread.
extension LoopStreams {
    /// The home loop published a batch.
    func receive(_ hub: Hub, _ chunk: FrameChunk, _ link: HubLink) {
        if let replica = replicas[ObjectIdentifier(hub)], replica.isLive { deliver(replica, chunk) }
        link.delivered.add(1, ordering: .sequentiallyConsistent)
        if link.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { send(to: hub.home) { $0.resume(hub) } }
    }

    /// Appends a batch to the history, and sends it to each subscriber that has all before it.
    func deliver(_ replica: HubReplica, _ chunk: FrameChunk) {
        let start = replica.history.end
        replica.append(chunk)
        let end = replica.history.end
        replica.lastSent = loop.now
        let (bytes, system) = (chunk.bytes, loop.system)
        var sinks = SinkBatches()
        var plain: SharedBytes?
        var index = 0
        while index < replica.count {
            let member = replica.members + index
            guard member.pointee.cursor == start, member.pointee.slotAndFlags == member.pointee.slot else {
                index = passOver(index, replica, chunk, from: start, &plain)
                continue
            }
            guard member.pointee.descriptor >= 0 else {
                member.pointee.cursor = end
                occupy(member.pointee.slot, replica).map { sinks.add($0) }
                index += 1
                continue
            }
            switch system.send(member.pointee.descriptor, bytes) {
            case .sent(bytes.count):
                member.pointee.cursor = end
                index += 1
            case .sent(let count):
                cut(member.pointee.slot, replica, chunk, bytes, from: start, after: count)
                index += 1
            case .full:
                block(member.pointee.slot, replica)
                index += 1
            case .gone:
                // The last member takes this index.
                peerLeft(member.pointee.slot)
            }
        }
        sinks.send(chunk.whole)
        loop.updateNow()
        if replica.rearmost < replica.history.first { dropOvertaken(replica) }
    }

    /// A member that does not get a batch as all others do: it has not all before it, its socket is full, or it is not sent chunks, and then
    /// gets its own form of it now, as the ring may be smaller than a batch.
    /// - Parameter plain: that form, once one has needed it.
    /// - Returns: the index of the next member.
    @inline(never)
    private func passOver(
        _ index: Int, _ replica: HubReplica, _ chunk: FrameChunk, from start: Int64, _ plain: inout SharedBytes?
    ) -> Int {
        let member = replica.members + index
        guard member.pointee.cursor == start, !member.pointee.isBlocked else { return index + 1 }
        let form = plain ?? withoutChunks(chunk)
        plain = form
        let slot = member.pointee.slot
        guard member.pointee.descriptor >= 0 else {
            member.pointee.cursor = replica.history.end
            if let sink = occupy(slot, replica) { sink.carrier.carry(form.whole, to: [sink]) }
            return index + 1
        }
        switch loop.system.send(member.pointee.descriptor, form.bytes) {
        case .sent(form.count): member.pointee.cursor = replica.history.end
        case .sent(let count): cut(slot, replica, chunk, form.bytes, from: start, after: count)
        case .full: block(slot, replica)
        case .gone:
            peerLeft(slot)
            // The last member took this index.
            return index
        }
        return index + 1
    }

    private func withoutChunks(_ chunk: FrameChunk) -> SharedBytes {
        output.removeAll()
        output.append(chunk.bytes)
        output.removeChunks()
        return SharedBytes(copying: output.bytes)
    }

    /// The socket took only so many bytes of a batch: what is left of the frame that was cut waits with the record, everything
    /// behind it in the history, if the ring is large enough to still hold it.
    /// - Parameters:
    ///   - form: the batch as the member gets it: its frames in chunks, or without.
    ///   - start: the place of the batch's first frame.
    private func cut(
        _ slot: UInt32, _ replica: HubReplica, _ chunk: FrameChunk, _ form: UnsafeRawBufferPointer, from start: Int64,
        after sent: Int
    ) {
        let missing = (chunk.count - form.count) / chunk.frames.count
        var frame = 0
        while chunk.frames[frame].end - missing * (frame + 1) < sent { frame += 1 }
        let end = chunk.frames[frame].end - missing * (frame + 1)
        if sent < end {
            keep(table[slot], UnsafeRawBufferPointer(rebasing: form[sent..<end]))
        }
        replica.members[Int(table[slot].pointee.memberIndex)].cursor = start + Int64(frame) + 1
        block(slot, replica)
    }

    /// The same, of frames from the history.
    private func cut(_ slot: UInt32, _ replica: HubReplica, from start: Int64, after sent: Int) {
        var (rest, cursor) = (sent, start)
        while rest > 0 {
            let frame = replica.history.bytes(at: cursor)
            cursor += 1
            if rest < frame.count { keep(table[slot], UnsafeRawBufferPointer(rebasing: frame[rest...])) }
            rest -= frame.count
        }
        replica.members[Int(table[slot].pointee.memberIndex)].cursor = cursor
        block(slot, replica)
    }

    /// The member gets nothing more until its socket has room.
    func block(_ slot: UInt32, _ replica: HubReplica) {
        let record = table[slot]
        let member = replica.members + Int(record.pointee.memberIndex)
        member.pointee.isBlocked = true
        record.pointee.isBlocked = true
        record.pointee.lastActivity = loop.now
        replica.rearmost = min(replica.rearmost, member.pointee.cursor)
        reschedule(slot)
    }

    /// The sink of a member is about to get a batch, which its cursor is behind already; it takes more when it says so.
    private func occupy(_ slot: UInt32, _ replica: HubReplica) -> (any FrameSink)? {
        let record = table[slot]
        record.pointee.isSinkBusy = true
        block(slot, replica)
        record.pointee.isBlocked = false
        return record.pointee.sink
    }

    /// Gives a sink what was gathered for it up to a place: the history's own bytes if they are in one piece, else a copy.
    private func feedSink(_ slot: UInt32, _ replica: HubReplica, upTo place: Int64) {
        let member = replica.members + Int(table[slot].pointee.memberIndex)
        let from = member.pointee.cursor
        member.pointee.cursor = place
        var bytes: SharedSlice?
        if from >= replica.history.first, !member.pointee.isPlain {
            let chunk = replica.history.chunk(at: from)
            if chunk.end >= place { (bytes, member.pointee.cursor) = chunk }
        }
        guard let sink = occupy(slot, replica) else { return }
        sink.carrier.carry(bytes ?? SharedBytes(copying: output.bytes).whole, to: [sink])
    }

    /// Sends a member what it does not have yet, until it has all, its socket is full, or others must have their turn.
    func pumpMember(_ slot: UInt32) {
        let record = table[slot]
        guard record.pointee.link == .connected, !record.pointee.hasBytesWaiting, !record.pointee.isSinkBusy,
            !record.pointee.isQueued, record.pointee.memberIndex >= 0,
            let replica = replicas[ObjectIdentifier(record.pointee.hub)]
        else { return }
        record.pointee.isBlocked = false
        for _ in 0..<Self.batchesPerTurn {
            let member = replica.members + Int(record.pointee.memberIndex)
            member.pointee.isBlocked = false
            var cursor = member.pointee.cursor
            output.removeAll()
            if cursor < replica.history.first {
                guard replica.slowPolicy == .skip else { return tooSlow(slot) }
                // To the newest, not to the oldest that is held: it would be overtaken there again at once.
                output.appendGap(oldestID: replica.history.oldestID, lost: UInt64(replica.history.end - cursor))
                cursor = replica.history.end
            }
            while cursor < replica.history.end, output.count < Self.batchBytes {
                output.append(replica.history.bytes(at: cursor))
                cursor += 1
            }
            if output.isEmpty {
                if let ending = replica.ending { return finishMember(slot, ending) }
                return reschedule(slot)
            }
            let isPlain = member.pointee.isPlain
            if isPlain { output.removeChunks() }
            if record.pointee.sink != nil { return feedSink(slot, replica, upTo: cursor) }
            let from = member.pointee.cursor
            member.pointee.cursor = cursor
            switch loop.system.send(record.pointee.descriptor, output.bytes) {
            case .sent(output.count): continue
            case .sent(let count): return cutCatchUp(slot, replica, from: from, after: count, isPlain)
            case .full: return cutCatchUp(slot, replica, from: from, after: 0, isPlain)
            case .gone: return peerLeft(slot)
            }
        }
        record.pointee.isQueued = true
        runQueue.append(token(slot))
        reschedule(slot)
    }

    /// As `cut`, of a catch-up, which may have begun with a notice of a gap, or not be in chunks.
    private func cutCatchUp(_ slot: UInt32, _ replica: HubReplica, from: Int64, after sent: Int, _ isPlain: Bool) {
        if from < replica.history.first || isPlain {
            keep(table[slot], UnsafeRawBufferPointer(rebasing: output.bytes[sent...]))
            return block(slot, replica)
        }
        cut(slot, replica, from: from, after: sent)
    }

    /// The ring has passed some of the members that are blocked.
    private func dropOvertaken(_ replica: HubReplica) {
        replica.rearmost = .max
        var index = 0
        while index < replica.count {
            let member = replica.members[index]
            if member.isBlocked, member.cursor < replica.history.first, replica.slowPolicy == .disconnect {
                // The last member takes this index.
                tooSlow(member.slot)
                continue
            }
            // One that will be told of its gap is no longer waited for.
            if member.isBlocked, member.cursor >= replica.history.first {
                replica.rearmost = min(replica.rearmost, member.cursor)
            }
            index += 1
        }
    }

    private func tooSlow(_ slot: UInt32) {
        log.overtaken(token(slot), table[slot].pointee.entry!)
        disconnect(slot, .slow)
    }
}
