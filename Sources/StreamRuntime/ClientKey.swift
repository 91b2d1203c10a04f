import Locks
import ProducerInterface
import SystemCalls

/// A client, as the limits tell one from another.
enum ClientKey: Hashable, Sendable {
    /// An IPv4 address, or the first address of a /64: that is what one subscriber's network has, and its programs can
    /// use any address in it.
    case address(IPAddress)
    /// All programs that connect through a socket in the file system, and whatever has no address.
    case local
    /// The subject of a token; it is unique only among those of one issuer (RFC 7519 §4.1.2). Tokens without a subject
    /// are those of one client.
    case identity(issuer: String, subject: String)

    /// - Parameter text: a request's remote address.
    init(address text: String) {
        guard let address = IPAddress(text) else {
            self = .local
            return
        }
        self = .address(address.isIPv4 ? address : IPAddress(high: address.high, low: 0))
    }

    /// - Returns: `nil` for a request without identity.
    init?(_ identity: ClientIdentity?) {
        guard let identity else { return nil }
        self = .identity(issuer: identity.claims["iss"] ?? "", subject: identity.subject)
    }
}

/// Something about clients, in parts with a lock each: two that come or go at the same time seldom wait for each other.
final class ClientTable<Part>: Sendable {
    private final class LockedPart: Sendable {
        let part: QuickMutex<Part>

        init(_ part: sending Part) { self.part = QuickMutex(part) }
    }

    private let parts: [LockedPart]
    private static var partCount: Int { 16 }

    init(_ makePart: () -> sending Part) { parts = (0..<Self.partCount).map { _ in LockedPart(makePart()) } }

    /// Runs the body with the part that has the client.
    func withPart<Result>(
        of client: ClientKey, _ body: (inout sending Part) -> sending Result
    ) -> sending Result {
        parts[Int(UInt(bitPattern: client.hashValue) % UInt(Self.partCount))].part.withLock(body)
    }

    /// Runs the body with each part.
    func withEachPart(_ body: (inout sending Part) -> sending Void) {
        for part in parts { part.part.withLock(body) }
    }
}
