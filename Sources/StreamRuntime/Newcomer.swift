import ProducerInterface
import StreamLoop

/// A stream or a subscriber of a hub on its way to the loop. From then on, only the loop looks into it.
struct Newcomer: @unchecked Sendable {
    // Unchecked: see above.
    private let entry: ProducerEntry
    private let opening: Opening
    private let handoff: Handoff?
    private let resumption: Resumption?
    private let client: ClientPlaces?
    private let hub: (hub: Hub, fault: String?)?

    /// - Parameter hub: the hub that it joins, and what is wrong with its request in a way that only hubs know.
    init(
        _ entry: ProducerEntry, _ opening: Opening, _ handoff: Handoff?, _ resumption: Resumption?,
        of client: ClientPlaces?, hub: (hub: Hub, fault: String?)?
    ) {
        self.entry = entry
        self.opening = opening
        self.handoff = handoff
        self.resumption = resumption
        self.client = client
        self.hub = hub
    }

    /// Any thread. Takes a row of the table.
    /// - Returns: `nil` if the table is full.
    func take(in streams: LoopStreams) -> StreamToken? {
        guard let slot = streams.table.allocate() else { return nil }
        let epoch = StreamOpening.openGate(slot, in: streams.table, entry, handoff, isShared: false)
        // Only the loop writes the row: the caller posts to the loop after this.
        streams.loop.post { [self] in arrive(in: streams, slot, epoch) }
        return StreamToken(loop: streams.loop.index, slot: slot, epoch: epoch)
    }

    private func arrive(in streams: LoopStreams, _ slot: UInt32, _ epoch: UInt32) {
        let row = streams.table[slot]
        row.pointee.opening = opening
        row.pointee.client = client
        row.pointee.connection.link = .waiting
        if let lifetime = opening.lifetime {
            row.pointee.expires = streams.loop.now.addingSaturating(max(0, lifetime))
        }
        if let hub { return join(hub.hub, hub.fault, HubSubscriber(streams, slot), epoch) }
        row.pointee.resumption = resumption
        let opening = StreamOpening(streams, slot)
        opening.prepare(entry, epoch: epoch, handoff, ending: streams.endOfAll)
        if streams.endOfAll != nil { opening.cancel() } else if handoff != nil { opening.reschedule() }
    }

    private func join(_ hub: Hub, _ fault: String?, _ subscriber: HubSubscriber, _ epoch: UInt32) {
        subscriber.prepare(entry, epoch: epoch, hub)
        if let fault { return subscriber.refused(.rejected(status: 400, message: fault)) }
        HubSubscribers.join(subscriber, hub)
    }
}
