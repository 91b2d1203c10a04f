import NIOHTTP1
import SystemCalls

/// How a request came in: where, for which client, and what trusted proxies say that the client asked for.
struct Arrival: Equatable {
    let entrance: Entrance
    /// The nearest one that is not a trusted proxy.
    private(set) var client: ClientAddress
    /// The host and port that the client asked for; `nil` if no trusted proxy says so.
    private(set) var authority: String?
    /// "https" or "http"; `nil` if no trusted proxy says so.
    private(set) var scheme: String?

    /// Without a request.
    init(at entrance: Entrance, from peer: ClientAddress) {
        self.entrance = entrance
        client = peer
    }

    /// - Parameter peer: the other end of the connection, or the one that a PROXY header names.
    init(of head: HTTPRequestHead, at entrance: Entrance, from peer: ClientAddress, _ proxies: TrustedProxies) {
        self.init(at: entrance, from: peer)
        guard !proxies.isEmpty, proxies.contain(peer) else { return }
        switch proxies.headers {
        case .xForwarded:
            client = Self.client(of: head.headers[canonicalForm: "x-forwarded-for"], behind: peer, proxies)
            authority = head.headers[canonicalForm: "x-forwarded-host"].last.map(String.init)
            scheme = head.headers[canonicalForm: "x-forwarded-proto"].last.map { $0.lowercased() }
        case .forwarded:
            let elements = ForwardedElement.elements(of: head.headers["forwarded"].joined(separator: ","))
            client = Self.client(of: elements.map { $0.client[...] }, behind: peer, proxies)
            authority = elements.last?.host
            scheme = elements.last?.scheme?.lowercased()
        }
        if let text = authority, text.isEmpty || !FieldRules.isAuthority(text[...]) { authority = nil }
    }

    /// Goes back from hop to hop, as long as the hop that names the one before is trusted.
    /// - Parameter hops: in the order in which the request passed them; each proxy adds the one that it heard from.
    private static func client(
        of hops: [Substring], behind peer: ClientAddress, _ proxies: TrustedProxies
    ) -> ClientAddress {
        var client = peer
        for hop in hops.reversed() {
            guard proxies.contain(client), let next = address(hop) else { break }
            client = next
        }
        return client
    }

    /// An address, perhaps with a port; `nil` for "unknown", and for what is none.
    static func address(_ text: Substring) -> ClientAddress? {
        if text.utf8.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let port = text[text.index(after: end)...]
            guard port.isEmpty || isPort(port) else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end]).map(ClientAddress.internet)
        }
        if let address = IPAddress(text) { return .internet(address) }
        guard let colon = text.lastIndex(of: ":"), isPort(text[colon...]) else { return nil }
        return IPAddress(text[..<colon]).flatMap { $0.isIPv4 ? .internet($0) : nil }
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.first == UInt8(ascii: ":") && UInt16(text.dropFirst()) != nil
    }
}
