import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("What is counted by client")
struct ClientCountsTests {
    private let counts = ClientCounts()

    private func request(_ address: String, _ subject: String? = nil) -> StreamRequest {
        var request = StreamRequest.plain
        request.remoteAddress = address
        request.identity = subject.map { ClientIdentity(subject: $0) }
        return request
    }

    private func limits(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }

    @Test(
        "addresses of one client: those of a /64, an IPv4 address in each of its forms, all sockets in the file system",
        arguments: [
            ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            // Not of the /64 in which IPv4 addresses are.
            ("::1", "192.0.2.1", false), ("::1", "::2", true), ("unix:", "unix:", true), ("unix:", "127.0.0.1", false),
            ("unix:", "::1", false),
        ])
    func addresses(first: String, second: String, isSame: Bool) {
        #expect((ClientKey(address: first) == ClientKey(address: second)) == isSame)
    }

    @Test("an identity has a name, and is no address")
    func identities() {
        #expect(ClientKey(nil) == nil && ClientKey(ClientIdentity(subject: "")) == .identity(issuer: "", subject: ""))
        let issued = ClientIdentity(subject: "a", claims: ["iss": "i"])
        #expect(ClientKey(issued) != ClientKey(ClientIdentity(subject: "a")))
        #expect(ClientKey(ClientIdentity(subject: "a", claims: ["x": "1"])) == ClientKey(ClientIdentity(subject: "a")))
        #expect(ClientKey(ClientIdentity(subject: "192.0.2.1")) != ClientKey(address: "192.0.2.1"))
    }

    @Test("a stream has a place by its address and one by its identity, or none of them")
    func both() throws {
        let limits = limits { ($0.maxStreamsPerAddress, $0.maxStreamsPerIdentity) = (2, 1) }
        var held = [try counts.admit(request("192.0.2.1", "a"), limits, at: 0)]
        #expect(throws: Overload(limit: "max-streams-per-identity", .client(wait: nil))) {
            try counts.admit(request("192.0.2.2", "a"), limits, at: 0)
        }
        held.append(try counts.admit(request("192.0.2.1"), limits, at: 0))
        #expect(throws: Overload(limit: "max-streams-per-address", .client(wait: nil))) {
            try counts.admit(request("192.0.2.1", "b"), limits, at: 0)
        }
        #expect(
            counts.streams == [
                .address(try #require(IPAddress("192.0.2.1"))): 2, .identity(issuer: "", subject: "a"): 1,
            ])
        held.removeFirst()
        #expect(counts.streams.values.reduce(0, +) == 1)
        held.append(try counts.admit(request("192.0.2.1", "a"), limits, at: 0))
        #expect(counts.streams.values.reduce(0, +) == 3)
        held = []
        #expect(counts.streams.isEmpty)
    }

    @Test("without a limit nothing is counted, and the clock is not read")
    func unlimited() throws {
        func never() -> MonotonicNanoseconds { preconditionFailure("it was asked for the time") }
        #expect(try counts.admit(request("192.0.2.1", "a"), Limits(), at: never()) == nil)
        // Nor are streams, if only opens are limited.
        #expect(try counts.admit(request("192.0.2.1"), limits { $0.maxOpensPerAddress = 1 }, at: 0) == nil)
        #expect(counts.streams.isEmpty && counts.bucketCount == 1)
    }

    @Test("places are those that were taken, in whatever order streams come and go and limits change")
    func places() throws {
        var random = SeededRandom.fromEnvironment(test: "ClientCounts places")
        var limits = Limits()
        var held: [(places: ClientPlaces?, keys: [ClientKey])] = []
        var refused = 0
        for _ in 0..<5000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0:
                limits.maxStreamsPerAddress = [0, 1, 5].randomElement(using: &random)!
                limits.maxStreamsPerIdentity = [0, 1, 5].randomElement(using: &random)!
            case 1..<50:
                let address = "2001:db8:0:\(Int.random(in: 0..<5, using: &random))::1"
                let subject = Bool.random(using: &random) ? "s\(Int.random(in: 0..<5, using: &random))" : nil
                let keys =
                    (limits.maxStreamsPerAddress > 0 ? [ClientKey(address: address)] : [])
                    + (limits.maxStreamsPerIdentity > 0
                        ? [subject.map { ClientKey.identity(issuer: "", subject: $0) }].compactMap(\.self) : [])
                do {
                    held.append((try counts.admit(request(address, subject), limits, at: 0), keys))
                } catch {
                    refused += 1
                }
            default:
                if let index = held.indices.randomElement(using: &random) { held.remove(at: index) }
            }
            let model = held.flatMap(\.keys).reduce(into: [:]) { $0[$1, default: 0] += 1 }
            try #require(counts.streams == model)
        }
        #expect(refused > 100)
        held = []
        #expect(counts.streams.isEmpty)
    }
}

@Suite("Streams per second of a client")
struct ClientRatesTests {
    private let client = ClientKey.identity(issuer: "", subject: "a")
    private let millisecond: Int64 = 1_000_000
    private var rates = ClientRates()

    /// - Returns: the wait in milliseconds.
    private mutating func open(_ rate: Int, at milliseconds: Int64) -> Int64? {
        rates.open(client, perSecond: rate, at: milliseconds * millisecond).map { $0 / millisecond }
    }

    @Test("a second's worth at once, then one whenever a token is back, and as many again after a second")
    mutating func burst() {
        for start in [10_000, 20_000] as [Int64] {
            for _ in 0..<5 { #expect(open(5, at: start) == nil) }
            #expect(open(5, at: start) == 200 && open(5, at: start + 150) == 50)
            #expect(open(5, at: start + 200) == nil && open(5, at: start + 200) == 200)
            #expect(open(5, at: start + 600) == nil && open(5, at: start + 600) == nil)
            #expect(open(5, at: start + 600) == 200)
        }
        for _ in 0..<5 { #expect(open(5, at: 21_600) == nil) }
        #expect(open(5, at: 21_600) == 200, "no more than the bucket holds")
    }

    @Test("one a second; another rate applies at once")
    mutating func rate() {
        #expect(open(1, at: 5000) == nil && open(1, at: 5000) == 1000 && open(1, at: 5999) == 1)
        #expect(open(1, at: 6000) == nil)
        #expect(open(4, at: 6000) == 250 && open(4, at: 6250) == nil)
        #expect(open(1, at: 6250) == 1000)
    }

    @Test("buckets that are dropped are full: the answers are those of buckets that are kept for ever")
    mutating func dropping() {
        var random = SeededRandom.fromEnvironment(test: "ClientRates")
        var kept: [ClientKey: Int64] = [:]
        var (now, refused, most) = (Int64(0), 0, 0)
        for _ in 0..<50_000 {
            now += Int64.random(in: 0...40_000_000, using: &random)
            if Int.random(in: 0..<500, using: &random) == 0 { now += 3_000_000_000 }
            if Int.random(in: 0..<50, using: &random) == 0 { rates.forgetFull(at: now) }
            let (client, rate) = (
                ClientKey.identity(issuer: "", subject: "\(Int.random(in: 0..<20, using: &random))"), 3
            )
            let interval = Int64(1_000_000_000 / rate)
            let full = max(kept[client] ?? now, now)
            let wait = full - now - interval * Int64(rate - 1)
            if wait <= 0 { kept[client] = full + interval } else { refused += 1 }
            #expect(rates.open(client, perSecond: rate, at: now) == (wait <= 0 ? nil : wait))
            most = max(most, rates.bucketCount)
        }
        #expect(refused > 1000 && most <= 40)
    }

    @Test("a client with 65,536 networks leaves no more buckets than it opened streams in two seconds, and then none")
    func spray() throws {
        let counts = ClientCounts()
        var limits = Limits()
        limits.maxOpensPerAddress = 2
        var request = StreamRequest.plain
        var now: Int64 = 0
        let perSecond = 5000
        for number in 0..<65_536 {
            now += 1_000_000_000 / Int64(perSecond)
            request.remoteAddress = "2001:db8:1:\(String(number, radix: 16))::1"
            _ = try counts.admit(request, limits, at: now)
            if number % 1000 == 0 { #expect(counts.bucketCount <= 2 * perSecond + 16) }
        }
        #expect(counts.bucketCount > 0)
        counts.forgetIdle(at: now + 1_000_000_000)
        counts.forgetIdle(at: now + 2_000_000_000)
        #expect(counts.bucketCount == 0)
    }
}
