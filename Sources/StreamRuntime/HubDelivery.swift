import EventStream
import ProducerInterface
import StreamLoop
import Synchronization

/// Delivers events from a hub's history to the sockets of its subscribers on one loop.
///
/// A delivery costs the member's 16 bytes, which are next to those of the other members, and one `send` of the shared
/// bytes: 71 instructions, without an allocation, a reference count or a lock (counted in Tests/Benchmarks/README.md).
/// The row is only touched if the socket does not take all of the bytes. Sinks get the same bytes, with one message for
/// all sinks on the same thread.
struct HubDelivery {
    private let streams: LoopStreams
    private let replica: HubReplica

    init(_ streams: LoopStreams, _ replica: HubReplica) { (self.streams, self.replica) = (streams, replica) }

    private func subscriber(_ slot: UInt32) -> HubSubscriber { HubSubscriber(streams, slot) }

    /// The home loop published a batch.
    static func receive(_ hub: Hub, _ chunk: FrameChunk, _ link: HubLink, in streams: LoopStreams) {
        if let replica = streams.replicas[ObjectIdentifier(hub)], replica.isLive {
            HubDelivery(streams, replica).deliver(chunk)
        }
        link.delivered.add(1, ordering: .sequentiallyConsistent)
        if link.isAwaited.exchange(false, ordering: .sequentiallyConsistent) {
            streams.send(to: hub.home) { HubHome($0, hub).resume() }
        }
    }

    /// Appends a batch to the history, and sends it to each subscriber that has everything before it.
    func deliver(_ chunk: FrameChunk) {
        let (replica, loop) = (replica, streams.loop)
        let start = replica.history.end
        replica.append(chunk)
        let end = start + Int64(chunk.frames.count)
        replica.lastSent = loop.now
        let bytes = chunk.bytes
        var sinks = SinkBatches()
        var plain: SharedBytes?
        // Nothing is counted for a member that gets the whole batch at once. The others are counted in the replica.
        replica.apart = HubReplica.Apart()
        var index = 0
        while true {
            let outcome = deliverWhole(bytes, from: start, to: end, &index)
            guard index < replica.count else { break }
            let member = replica.members + index
            switch outcome {
            case nil where member.pointee.cursor == start && member.pointee.hasNoFlags:
                member.pointee.cursor = end
                subscriber(member.pointee.slot).occupy(replica).map { sinks.add($0) }
                index += 1
            case nil: index = passOver(index, chunk, from: start, &plain)
            case .sent(let count):
                cut(member.pointee.slot, chunk, bytes, from: start, after: count)
                index += 1
            case .full:
                replica.apart.members += 1
                subscriber(member.pointee.slot).block(replica)
                index += 1
            case .gone:
                // The last member has moved to this index.
                Connection(streams, member.pointee.slot).peerLeft()
            }
        }
        sinks.send(chunk.whole)
        loop.updateNow()
        count(chunk, to: index)
        if replica.rearmost < replica.history.first { dropOvertaken() }
    }

    /// Sends a batch to one member after the other, for as long as each has everything before it and takes all of it at
    /// once. Nearly all of the work of a server with many subscribers is done here, so it does nothing else.
    /// - Parameter index: the first member; on return, the first one that needs something else, or the end.
    /// - Returns: what became of that one's batch; `nil`: it was not sent to it.
    @inline(never)
    private func deliverWhole(
        _ bytes: UnsafeRawBufferPointer, from start: Int64, to end: Int64, _ index: inout Int
    ) -> SendOutcome? {
        let (system, members, count) = (streams.loop.system, replica.members, replica.count)
        var next = index
        defer { index = next }
        while next < count {
            let member = members + next
            guard member.pointee.cursor == start, member.pointee.hasNoFlags, member.pointee.descriptor >= 0 else {
                return nil
            }
            let outcome = system.send(member.pointee.descriptor, bytes)
            guard case .sent(bytes.count) = outcome else { return outcome }
            member.pointee.cursor = end
            next += 1
        }
        return nil
    }

    /// Counts a batch once for all members, with the time at which the last one had it.
    private func count(_ chunk: FrameChunk, to members: Int) {
        let apart = replica.apart
        let whole = members - apart.members
        let frames = whole * chunk.frames.count + apart.frames
        guard frames > 0 else { return }
        let tally = replica.entry.tallies[streams.loop.index]
        tally.pointee.deliveries += frames
        tally.pointee.bytes += whole * chunk.payloadCount + apart.bytes
        tally.pointee.deliveryTimes.add(streams.loop.now - chunk.publishedAt, times: frames)
    }

    /// Handles a member that does not get a batch like the others: it does not have everything before it, its socket is
    /// full, or its response is not chunked. In the last case it gets the batch without chunks now, as the ring may be
    /// smaller than a batch.
    /// - Parameter plain: the batch without chunks, once a member has needed it.
    /// - Returns: the index of the next member.
    @inline(never)
    private func passOver(_ index: Int, _ chunk: FrameChunk, from start: Int64, _ plain: inout SharedBytes?) -> Int {
        let member = replica.members + index
        replica.apart.members += 1
        guard member.pointee.cursor == start, !member.pointee.isBlocked else { return index + 1 }
        let form = plain ?? withoutChunks(chunk)
        plain = form
        let slot = member.pointee.slot
        guard member.pointee.descriptor >= 0 else {
            member.pointee.cursor = replica.history.end
            replica.apart.frames += chunk.frames.count
            replica.apart.bytes += form.count
            if let sink = subscriber(slot).occupy(replica) { sink.carrier.carry(form.whole, to: [sink]) }
            return index + 1
        }
        switch streams.loop.system.send(member.pointee.descriptor, form.bytes) {
        case .sent(form.count):
            member.pointee.cursor = replica.history.end
            replica.apart.frames += chunk.frames.count
            replica.apart.bytes += form.count
        case .sent(let count):
            // It is counted there.
            replica.apart.members -= 1
            cut(slot, chunk, form.bytes, from: start, after: count)
        case .full: subscriber(slot).block(replica)
        case .gone:
            Connection(streams, slot).peerLeft()
            // The last member has moved to this index.
            replica.apart.members -= 1
            return index
        }
        return index + 1
    }

    private func withoutChunks(_ chunk: FrameChunk) -> SharedBytes {
        streams.output.removeAll()
        streams.output.append(chunk.bytes)
        streams.output.removeChunks()
        return SharedBytes(copying: streams.output.bytes)
    }

    /// The socket took only part of a batch. The rest of the frame that was cut waits in the row; everything after that
    /// waits in the history, if the ring is large enough to hold it still.
    /// - Parameters:
    ///   - form: the batch as the member gets it: its frames with or without chunks.
    ///   - start: the place of the batch's first frame.
    private func cut(
        _ slot: UInt32, _ chunk: FrameChunk, _ form: UnsafeRawBufferPointer, from start: Int64, after sent: Int
    ) {
        let missing = (chunk.count - form.count) / chunk.frames.count
        var frame = 0
        while chunk.frames[frame].end - missing * (frame + 1) < sent { frame += 1 }
        let end = chunk.frames[frame].end - missing * (frame + 1)
        let subscriber = subscriber(slot)
        if sent < end { Connection(subscriber).keep(UnsafeRawBufferPointer(rebasing: form[sent..<end])) }
        replica.members[Int(subscriber.connection.memberIndex)].cursor = start + Int64(frame) + 1
        replica.apart.members += 1
        replica.apart.frames += frame + 1
        replica.apart.bytes += chunk.frames[frame].end - (frame + 1) * Chunk.overhead
        subscriber.block(replica)
    }

    /// The ring has passed some of the blocked members.
    private func dropOvertaken() {
        replica.rearmost = .max
        var index = 0
        while index < replica.count {
            let member = replica.members[index]
            if member.isBlocked, member.cursor < replica.history.first, replica.slowPolicy == .disconnect {
                // The last member has moved to this index.
                subscriber(member.slot).tooSlow()
                continue
            }
            // A member that will get a gap notice is no longer waited for.
            if member.isBlocked, member.cursor >= replica.history.first {
                replica.rearmost = min(replica.rearmost, member.cursor)
            }
            index += 1
        }
    }
}
