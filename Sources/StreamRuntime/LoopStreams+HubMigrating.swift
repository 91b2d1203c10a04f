import EventStream
import StreamLoop

/// A hub whose producer was replaced gets a new source; its history, its ids and its subscribers stay.
extension LoopStreams {
    /// What is in the output goes before all that the new source makes.
    func handOverHub(from old: UInt32, to slot: UInt32, saved: [UInt8]?) {
        publish(old)
        let hub = table[old].pointee.hub
        let record = table[slot]
        let entry = record.pointee.entry!
        record.pointee.role = .source
        record.pointee.shared = hub
        // Its subscribers hold the places.
        entry.freePlace()
        hub.source = token(slot)
        hub.saved = saved
        directory.succeed(hub, by: entry)
        if let parameters = entry.producer.adopt(hub.parameters) { hub.parameters = parameters }
        endSource(old, .reloaded)
        for index in [loop.index] + hub.links.map(\.loop) { send(to: index) { $0.rehome(hub, entry) } }
        record.pointee.handoff?.attach()
        pumpSource(slot)
    }

    /// What the open of a new source is told, beside what the old one saved: the newest id that the producer made, or the one that its
    /// predecessor was opened behind.
    func successorRequest(_ hub: Hub) -> StreamRequest {
        var request = hub.request
        request.parameters = hub.parameters
        let history = hub.master.history
        request.lastEventID = history.end > 0 ? history.newestProducerID : hub.opened.beginning
        return request
    }

    /// A source that is about to open belongs to the newest generation.
    func followReload(_ hub: Hub) {
        guard let entry = hub.entry.successor, let parameters = entry.producer.adopt(hub.parameters) else { return }
        hub.parameters = parameters
        directory.succeed(hub, by: entry)
        for index in [loop.index] + hub.links.map(\.loop) { send(to: index) { $0.rehome(hub, entry) } }
    }

    /// The hub's source is another generation's: so are its subscribers, from now on.
    func rehome(_ hub: Hub, _ entry: ProducerEntry) {
        guard let replica = replicas[ObjectIdentifier(hub)] else { return }
        replica.entry = entry
        for index in 0..<replica.count { rehome(replica.members[index].slot, entry) }
        for token in replica.waiting { if let slot = slot(token) { rehome(slot, entry) } }
    }

    func rehome(_ slot: UInt32, _ entry: ProducerEntry) {
        let record = table[slot]
        let old = record.pointee.entry!
        // One that is over can't be entered; its streams end soon.
        guard old !== entry, entry.generation.enter() else { return }
        entry.addPlace()
        record.pointee.entry = entry
        table.withGate(slot) { $0.entry = entry }
        old.freePlace()
        old.generation.leave()
    }
}
