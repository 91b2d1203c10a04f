import ProducerInterface
import SystemCalls

/// What each client has of that which is limited by client: its streams, and its opens of the last second. Any thread
/// can use it.
///
/// Without such a limit, nothing is counted and nothing is locked. A stream that opened then is not counted later
/// either, when a limit has been set; one that is counted gives its place back, even if the limit is gone by then.
///
/// The memory is that of the clients that are there: a client without streams has no count, and one that opened none
/// for some seconds has no bucket.
final class ClientCounts: Sendable {
    private let places = ClientTable<[ClientKey: Int]> { [:] }
    private let rates = ClientTable<ClientRates> { ClientRates() }

    /// Checks the limits of the client that asks for a stream.
    ///
    /// Its identity is checked before its address, which it may share with others: what it may not open is not counted
    /// as opened from there.
    /// - Returns: the places that the stream has from now on; `nil` if they are not limited.
    func admit(
        _ request: StreamRequest, _ limits: Limits, at now: @autoclosure () -> MonotonicNanoseconds
    ) throws(Overload) -> ClientPlaces? {
        guard limits.areByClient else { return nil }
        let places = try takePlaces(of: request, limits)
        if limits.maxOpensPerIdentity > 0, let identity = ClientKey(request.identity) {
            try open(identity, limit: limits.maxOpensPerIdentity, "max-opens-per-identity", at: now())
        }
        if limits.maxOpensPerAddress > 0 {
            let address = ClientKey(address: request.remoteAddress)
            try open(address, limit: limits.maxOpensPerAddress, "max-opens-per-address", at: now())
        }
        return places
    }

    // MARK: Streams at a time

    private func takePlaces(of request: StreamRequest, _ limits: Limits) throws(Overload) -> ClientPlaces? {
        let identity = limits.maxStreamsPerIdentity > 0 ? ClientKey(request.identity) : nil
        let address = limits.maxStreamsPerAddress > 0 ? ClientKey(address: request.remoteAddress) : nil
        if let identity, !enter(identity, limit: limits.maxStreamsPerIdentity) {
            throw Overload(limit: "max-streams-per-identity", .client(wait: nil))
        }
        if let address, !enter(address, limit: limits.maxStreamsPerAddress) {
            if let identity { leave(identity) }
            throw Overload(limit: "max-streams-per-address", .client(wait: nil))
        }
        return identity == nil && address == nil ? nil : ClientPlaces(taken: identity, address, in: self)
    }

    /// - Returns: `false` if the limit is reached.
    private func enter(_ client: ClientKey, limit: Int) -> Bool {
        places.withPart(of: client) { counts in
            let count = counts[client, default: 0]
            guard count < limit else { return false }
            counts[client] = count + 1
            return true
        }
    }

    fileprivate func leave(_ client: ClientKey) {
        places.withPart(of: client) { counts in
            guard let count = counts[client] else { preconditionFailure("a client has a place until it leaves it") }
            guard count == 1 else { return counts[client] = count - 1 }
            counts[client] = nil
            // It would keep the room for as many as there ever were.
            if counts.isEmpty, counts.capacity > 64 { counts = [:] }
        }
    }

    /// The streams that are counted, by client.
    var streams: [ClientKey: Int] {
        var all: [ClientKey: Int] = [:]
        places.withEachPart { all.merge($0) { $1 } }
        return all
    }

    // MARK: Streams per second

    private func open(
        _ client: ClientKey, limit: Int, _ name: String, at now: MonotonicNanoseconds
    ) throws(Overload) {
        if let wait = rates.withPart(of: client, { $0.open(client, perSecond: limit, at: now) }) {
            throw Overload(limit: name, .client(wait: wait))
        }
    }

    /// To be called now and then, so that the buckets of clients that are gone do not stay until the next one asks.
    func forgetIdle(at now: MonotonicNanoseconds) { rates.withEachPart { $0.forgetFull(at: now) } }

    var bucketCount: Int {
        var count = 0
        rates.withEachPart { count += $0.bucketCount }
        return count
    }
}

/// The places of one stream, or of one subscriber of a shared stream, among those of its client. They are given back
/// with the object, which the stream's row has until the stream is over. A stream that continues another has the same
/// object: it is the same client's, in the same response.
final class ClientPlaces: Sendable {
    private let counts: ClientCounts
    private let identity: ClientKey?
    private let address: ClientKey?

    fileprivate init(taken identity: ClientKey?, _ address: ClientKey?, in counts: ClientCounts) {
        (self.identity, self.address, self.counts) = (identity, address, counts)
    }

    deinit {
        if let identity { counts.leave(identity) }
        if let address { counts.leave(address) }
    }
}

extension Limits {
    /// Whether there is one that applies to single clients.
    var areByClient: Bool {
        maxStreamsPerAddress | maxStreamsPerIdentity | maxOpensPerAddress | maxOpensPerIdentity > 0
    }
}
