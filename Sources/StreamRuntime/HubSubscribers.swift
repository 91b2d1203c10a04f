import ProducerInterface
import StreamLoop

/// A hub's subscribers on one loop: those that wait for the history, those that have joined, and how all of them are
/// told the end.
struct HubSubscribers {
    let streams: LoopStreams
    let hub: Hub
    let replica: HubReplica

    init(_ streams: LoopStreams, _ hub: Hub, _ replica: HubReplica) {
        (self.streams, self.hub, self.replica) = (streams, hub, replica)
    }

    /// - Returns: `nil` if the hub has no subscribers here any more.
    init?(_ streams: LoopStreams, _ hub: Hub) {
        guard let replica = streams.replicas[ObjectIdentifier(hub)] else { return nil }
        self.init(streams, hub, replica)
    }

    private var loop: Loop { streams.loop }
    private var isHome: Bool { hub.home == loop.index }

    private func subscriber(_ slot: UInt32) -> HubSubscriber { HubSubscriber(streams, slot) }

    // MARK: Joining

    /// Adds a subscriber.
    static func join(_ subscriber: HubSubscriber, _ hub: Hub) {
        let streams = subscriber.streams
        guard subscriber.connection.link == .waiting, streams.endOfAll == nil else { return subscriber.skip() }
        if let subscribers = HubSubscribers(streams, hub) {
            // The stream has just ended; the next request finds another hub.
            guard subscribers.replica.ending == nil else { return subscriber.skip() }
            return subscribers.add(subscriber, isNew: false)
        }
        streams.replicaSerial += 1
        let replica =
            hub.home == streams.loop.index
            ? hub.master
            : HubReplica(
                epoch: HubNumbering(epoch: ""), settings: hub.settings, history: hub.emptyHistory,
                serial: streams.replicaSerial, entry: subscriber.entry)
        streams.replicas[ObjectIdentifier(hub)] = replica
        HubSubscribers(streams, hub, replica).add(subscriber, isNew: true)
    }

    private func add(_ subscriber: HubSubscriber, isNew: Bool) {
        replica.subscriberCount += 1
        subscriber.connection.membership = .joining
        if replica.isLive, !isHome || hub.life.phase == .open { return subscriber.opened(replica) }
        replica.waiting.append(subscriber.token)
        // On the home loop, the first to wait always asks: the stream may have closed since, while the history stayed.
        guard isNew || isHome && replica.waiting.count == 1 else { return }
        let (index, serial) = (loop.index, replica.serial)
        streams.send(to: hub.home) { [hub] in HubHome($0, hub).request(for: index, serial: serial) }
    }

    /// The history came from the home loop.
    func receive(
        _ history: any EventHistory, _ numbering: HubNumbering, _ opened: HubOpened, _ entry: ProducerEntry,
        _ serial: UInt64
    ) {
        guard replica.serial == serial, !replica.isLive else { return }
        replica.entry = entry
        replica.history = history
        replica.numbering = numbering
        start(opened)
    }

    /// The stream is open: waiting subscribers get their answer.
    func start(_ opened: HubOpened) {
        replica.isLive = true
        replica.opened = opened
        for slot in takeWaiting() { subscriber(slot).opened(replica) }
    }

    /// The stream did not open.
    /// - Parameter answer: the answer of `open`; `nil`: the hub is over, and another one can be asked.
    func requestFailed(_ serial: UInt64, _ answer: OpenAnswer?) {
        guard replica.serial == serial else { return }
        for slot in takeWaiting() { subscriber(slot).refused(answer ?? .unavailable) }
    }

    /// The subscribers that are still waiting.
    private func takeWaiting() -> [UInt32] {
        let waiting = replica.waiting
        replica.waiting = []
        return waiting.compactMap { token in
            streams.slot(token).flatMap { subscriber($0).connection.membership == .joining ? $0 : nil }
        }
    }

    /// The hub's stream now belongs to another producer's entry, and so do its subscribers.
    func moveOver(to entry: ProducerEntry) {
        replica.entry = entry
        for index in 0..<replica.count { subscriber(replica.members[index].slot).moveOver(to: entry) }
        for token in replica.waiting {
            if let slot = streams.slot(token) { subscriber(slot).moveOver(to: entry) }
        }
    }

    // MARK: Leaving

    /// Removes a subscriber that was counted.
    func remove(_ subscriber: HubSubscriber) {
        if subscriber.connection.memberIndex >= 0 {
            let index = Int(subscriber.connection.memberIndex)
            if let moved = replica.remove(at: index) {
                streams.table[moved].pointee.connection.memberIndex = Int32(index)
            }
            subscriber.connection.memberIndex = -1
        } else if subscriber.connection.membership == .joining {
            let token = subscriber.token
            replica.waiting.removeAll { $0 == token }
        }
        replica.subscriberCount -= 1
        if replica.subscriberCount == 0 { abandon() }
    }

    /// The hub has no subscribers left on this loop.
    private func abandon() {
        if replica.clock != 0 {
            loop.setTimer(replica.clock, to: .max)
            streams.release(replica.clock)
            replica.clock = 0
        }
        if isHome {
            hub.requests.removeAll { $0.loop == loop.index }
            if hub.life.phase == .over { streams.replicas[ObjectIdentifier(hub)] = nil }
            return
        }
        streams.replicas[ObjectIdentifier(hub)] = nil
        let index = loop.index
        streams.send(to: hub.home) { [hub] in HubHome($0, hub).unlink(index) }
    }

    /// The hub's stream has ended. Each subscriber ends once it has everything before the end.
    func hubEnded(_ ending: HubEnding) {
        guard replica.ending == nil else { return }
        replica.ending = ending
        // If the stream was never open, there are no members.
        forEachFree { $0.pump() }
        if replica.subscriberCount == 0 { streams.replicas[ObjectIdentifier(hub)] = nil }
    }

    /// Goes backwards, because the last member takes the place of one that leaves.
    private func forEachFree(_ body: (HubSubscriber) -> Void) {
        var index = replica.count - 1
        while index >= 0 {
            if index < replica.count, !replica.members[index].isBlocked {
                body(subscriber(replica.members[index].slot))
            }
            index -= 1
        }
    }

    // MARK: Keep-alive

    /// One timer for all: they get the same frames at the same time, so they are silent together.
    func startClock() {
        guard replica.clock == 0, let slot = streams.table.allocate() else { return }
        replica.clock = slot
        replica.lastSent = loop.now
        streams.table[slot].pointee.role = .clock
        streams.table[slot].pointee.shared = hub
        setClock(slot)
    }

    private func setClock(_ slot: UInt32) {
        loop.setTimer(slot, to: replica.lastSent.addingSaturating(streams.limits.keepAlive))
    }

    static func clockFired(_ slot: UInt32, in streams: LoopStreams) {
        guard let subscribers = HubSubscribers(streams, streams.table[slot].pointee.hub) else {
            return streams.loop.setTimer(slot, to: .max)
        }
        subscribers.clockFired(slot)
    }

    func clockFired(_ slot: UInt32) {
        if loop.now >= replica.lastSent.addingSaturating(streams.limits.keepAlive) {
            replica.lastSent = loop.now
            forEachFree { $0.keepAlive() }
        }
        // The last subscriber may have turned out to be gone, and the clock with it.
        if replica.clock == slot { setClock(slot) }
    }
}
