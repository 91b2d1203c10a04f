import EventStream
import ProducerInterface
import StreamLoop
import Synchronization

/// One request for a stream, from its limits to a row of a loop's table.
struct StreamRequestAdmission {
    let runtime: Runtime
    let door: any OpenAnswering

    private let limits: Limits

    private var loops: [LoopStreams] { runtime.loops }
    private var counts: StreamCounts { runtime.counts }

    init(runtime: Runtime, door: any OpenAnswering) {
        self.runtime = runtime
        self.door = door
        limits = runtime.limits
    }

    /// Opens a stream of the entry, or lets the request join a shared one.
    ///
    /// The limits of the client come first: one that exceeds them does not keep others from their places, not even for
    /// a moment.
    func admit(_ entry: ProducerEntry, _ request: StreamRequest) throws(Overload) -> StreamToken {
        let client = try counts.clients.admit(request, limits, at: loops[0].loop.system.now())
        return try admit(entry, request, of: client)
    }

    private func admit(
        _ entry: ProducerEntry, _ request: StreamRequest, of client: ClientPlaces?
    ) throws(Overload) -> StreamToken {
        let isShared = entry.description.isShared
        var admission = Admission(of: entry, in: loops[0])
        try admission.takePlaces(limits)
        let resumption = isShared ? nil : try resumption(entry, request)
        // A shared stream's thread belongs to its hub.
        var place: ThreadPlace?
        if !isShared { place = try ThreadPlace.take(for: entry, in: counts, at: loops[0].loop.system.now()) }
        guard admission.enterGeneration() else {
            place = nil
            admission.giveBack()
            return try openSuccessor(of: entry, request, of: client)
        }
        if isShared { return try join(admission, request, of: client) }
        let streams = loopForNewcomer
        let handoff = place == nil ? nil : Handoff(limitBytes: limits.handoffBytes, isMarked: false)
        handoff?.becomeThreaded(with: [])
        let opening = Opening(
            door: door, peer: request.remoteAddress, path: request.path, lifetime: request.lifetime)
        let newcomer = Newcomer(entry, opening, handoff, resumption, of: client, hub: nil)
        guard let token = newcomer.take(in: streams) else { throw Overload(limit: "max-streams") }
        admission.settle()
        guard let handoff, let place else {
            streams.loop.post { streams.calls.add(.open(token, request)) }
            return token
        }
        if !StreamThread.start(token, entry, handoff, streams, .open(request), on: place) {
            streams.loop.post {
                if let slot = streams.slot(token) { StreamOpening(streams, slot).skip() }
            }
        }
        return token
    }

    /// What is needed to continue the stream in another generation, if that may become necessary.
    private func resumption(_ entry: ProducerEntry, _ request: StreamRequest) throws(Overload) -> Resumption? {
        guard entry.description.isResumable || entry.isOnTrial else { return nil }
        if let resumption = Resumption(request, in: counts) { return resumption }
        guard entry.description.isResumable else { return nil }
        throw Overload(limit: "max-kept-request-bytes")
    }

    /// Goes through the loops one after the other, except those that a call holds, unless all are held.
    private var loopForNewcomer: LoopStreams {
        for _ in 1..<loops.count {
            let streams = runtime.nextLoop
            if !streams.isHeld.load(ordering: .relaxed) { return streams }
        }
        return runtime.nextLoop
    }

    /// The producer was replaced after the match, and either its generation has ended or the hub belongs to its
    /// successor: the request goes to the producer that now serves the path, if that has the same name. Another one may
    /// ask for other tokens.
    private func openSuccessor(
        of entry: ProducerEntry, _ request: StreamRequest, of client: ClientPlaces?
    ) throws(Overload) -> StreamToken {
        guard let match = runtime.route(for: request.path), match.entry !== entry, !match.isLeaving,
            match.producer.description.name == entry.description.name,
            let parameters = try? match.producer.resolve(path: match.values, query: request.query),
            // The client's claims were checked against those.
            request.identity == nil || parameters.canonical == request.parameters.canonical
        else { throw Overload(limit: "reload") }
        var request = request
        request.parameters = parameters
        return try admit(match.entry, request, of: client)
    }

    /// Lets a subscriber join the hub of its parameters.
    private func join(
        _ admission: consuming Admission, _ request: StreamRequest, of client: ClientPlaces?
    ) throws(Overload) -> StreamToken {
        let streams = loopForNewcomer
        let entry = admission.entry
        let (name, asked) = (entry.description.name, HistoryAsked(by: request, of: entry))
        let key = HubKey(
            plugin: entry.description.plugin, producer: name, parameters: request.parameters.canonical)
        let joined = streams.directory.join(
            key, entry: entry, home: streams.loop.index, settings: limits.hubs[name] ?? limits.hub,
            limit: limits.maxHubsPerProducer
        ) { sharedRequest(entry, request) }
        let hub: Hub
        switch joined {
        case .hub(let found): hub = found
        case .hubInPlace(let evicted, let new):
            counts.countEvicted()
            let home = loops[evicted.home]
            home.log.evicted(evicted)
            home.loop.post { HubHome(home, evicted).unused() }
            hub = new
        case .full:
            throw Overload(limit: "max-hubs-per-producer")
        case .superseded:
            admission.giveBack()
            return try openSuccessor(of: entry, request, of: client)
        }
        admission.use(hub)
        let opening = Opening(
            door: door, peer: request.remoteAddress, path: request.path, lastEventID: request.lastEventID,
            historyCount: asked.count, lifetime: request.lifetime)
        let newcomer = Newcomer(entry, opening, nil, nil, of: client, hub: (hub, asked.fault))
        guard let token = newcomer.take(in: streams) else { throw Overload(limit: "max-streams") }
        admission.settle()
        return token
    }

    /// What a hub's stream may know about its first subscriber: an id that only the producer can have made, and nothing
    /// else.
    private func sharedRequest(_ entry: ProducerEntry, _ request: StreamRequest) -> StreamRequest {
        var shared = request
        shared.query = []
        shared.headers = []
        shared.remoteAddress = ""
        shared.method = "GET"
        shared.path = ""
        shared.body = []
        shared.identity = nil
        shared.lifetime = nil
        if !entry.description.isResumable || shared.lastEventID.map(HubNumbering.isHostMade) ?? false {
            shared.lastEventID = nil
        }
        return shared
    }
}

/// `?history=N` or `?history=all`. A producer with a parameter of that name keeps it for itself.
private struct HistoryAsked {
    private(set) var count: Int?
    /// What is wrong with the value.
    private(set) var fault: String?

    init(by request: StreamRequest, of entry: ProducerEntry) {
        guard let text = request.query.first(where: { $0.name == "history" })?.value,
            !entry.description.hasParameter(named: "history")
        else { return }
        if text == "all" {
            count = .max
        } else if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
            count = Int(text) ?? .max
        } else {
            fault = "history must be a whole number, 0 or more, or all; it is “\(text.prefix(64))”"
        }
    }
}
