import EventStream
import StreamLoop
import Synchronization

/// From a hub's history to the sockets of its subscribers on this loop.
///
/// What a delivery costs: the member's 16 bytes, which lie next to those of the others, and one `send` of the shared bytes. The
/// record is only touched when the socket does not take all of them.
extension LoopStreams {
    /// The home loop published a batch.
    func receive(_ hub: Hub, _ chunk: FrameChunk, _ link: HubLink) {
        if let replica = replicas[ObjectIdentifier(hub)], replica.isLive { deliver(replica, chunk) }
        link.delivered.add(1, ordering: .releasing)
        if link.isAwaited.exchange(false, ordering: .sequentiallyConsistent) { send(to: hub.home) { $0.resume(hub) } }
    }

    /// Appends a batch to the history, and sends it to each subscriber that has all before it.
    func deliver(_ replica: HubReplica, _ chunk: FrameChunk) {
        let start = replica.history.end
        replica.append(chunk)
        let end = replica.history.end
        replica.lastSent = loop.now
        let (bytes, system) = (chunk.bytes, loop.system)
        var index = 0
        while index < replica.count {
            let member = replica.members + index
            guard member.pointee.cursor == start, member.pointee.slotAndFlag == member.pointee.slot else {
                index += 1
                continue
            }
            guard member.pointee.descriptor >= 0 else {
                let slot = member.pointee.slot
                pumpMember(slot)
                if index < replica.count, replica.members[index].slot == slot { index += 1 }
                continue
            }
            switch system.send(member.pointee.descriptor, bytes) {
            case .sent(bytes.count):
                member.pointee.cursor = end
                index += 1
            case .sent(let count):
                cut(member.pointee.slot, replica, after: count)
                index += 1
            case .full:
                cut(member.pointee.slot, replica, after: 0)
                index += 1
            case .gone:
                // The last member takes this index.
                peerLeft(member.pointee.slot)
            }
        }
        loop.updateNow()
        if replica.rearmost < replica.history.first { dropOvertaken(replica) }
    }

    /// The socket took only so many bytes from the member's cursor on: what is left of the frame that was cut waits with the
    /// record, everything behind it in the history.
    private func cut(_ slot: UInt32, _ replica: HubReplica, after sent: Int) {
        let record = table[slot]
        let member = replica.members + Int(record.pointee.memberIndex)
        var (rest, cursor) = (sent, member.pointee.cursor)
        while rest > 0 {
            let frame = replica.history.bytes(at: cursor)
            cursor += 1
            if rest < frame.count { keep(record, UnsafeRawBufferPointer(rebasing: frame[rest...])) }
            rest -= frame.count
        }
        member.pointee.cursor = cursor
        member.pointee.isBlocked = true
        record.pointee.isBlocked = true
        record.pointee.lastActivity = loop.now
        replica.rearmost = min(replica.rearmost, cursor)
        reschedule(slot)
    }

    /// Sends a member what it does not have yet, until it has all, its socket is full, or others must have their turn.
    func pumpMember(_ slot: UInt32) {
        let record = table[slot]
        guard record.pointee.link == .connected, record.pointee.pending == nil, !record.pointee.isSinkBusy,
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
                output.appendGap(oldestID: replica.history.oldestID, lost: replica.history.lost(from: cursor))
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
            let from = member.pointee.cursor
            member.pointee.cursor = cursor
            if let sink = record.pointee.sink {
                record.pointee.isSinkBusy = true
                record.pointee.lastActivity = loop.now
                member.pointee.isBlocked = true
                replica.rearmost = min(replica.rearmost, cursor)
                sink.send(Array(output.bytes))
                return reschedule(slot)
            }
            switch loop.system.send(record.pointee.descriptor, output.bytes) {
            case .sent(output.count): continue
            case .sent(let count): return cutCatchUp(slot, replica, from: from, after: count)
            case .full: return cutCatchUp(slot, replica, from: from, after: 0)
            case .gone: return peerLeft(slot)
            }
        }
        record.pointee.isQueued = true
        runQueue.append(token(slot))
        reschedule(slot)
    }

    /// As `cut`, of a catch-up, which may have begun with a notice of a gap.
    private func cutCatchUp(_ slot: UInt32, _ replica: HubReplica, from: Int64, after sent: Int) {
        let record = table[slot]
        let member = replica.members + Int(record.pointee.memberIndex)
        if from < replica.history.first {
            keep(record, UnsafeRawBufferPointer(rebasing: output.bytes[sent...]))
            member.pointee.isBlocked = true
            record.pointee.isBlocked = true
            record.pointee.lastActivity = loop.now
            replica.rearmost = min(replica.rearmost, member.pointee.cursor)
            return reschedule(slot)
        }
        member.pointee.cursor = from
        cut(slot, replica, after: sent)
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
