import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// Decides who may ask, before any plugin code runs, and which pages may read the answer.
struct AccessRules: Sendable {
    private let listeners: [ListenSettings]
    /// The policies of producers that have their own, by the producer's name.
    private let producers: [String: CrossOriginPolicy]
    private let tokens: TokenRules
    private let tokensOfProducers: [String: TokenRules]
    /// Query parameters that can have a token somewhere: producers get none of them.
    private let tokenParameters: Set<String>
    /// Without any policy, no request has to be looked at for one.
    private let hasPolicies: Bool

    init(_ settings: ServerSettings) {
        listeners = settings.listeners
        producers = settings.crossOriginOfProducers
        tokens = settings.tokens
        tokensOfProducers = settings.tokensOfProducers
        tokenParameters = Set(([tokens] + tokensOfProducers.values).compactMap(\.query))
        hasPolicies = !producers.values.allSatisfy(\.isEmpty) || !listeners.allSatisfy(\.crossOrigin.isEmpty)
    }

    /// The policy for a request.
    /// - Parameters:
    ///   - arrival: how it came in.
    ///   - producer: the one that it asks for; `nil`: none.
    func policy(
        for arrival: Arrival, to producer: @autoclosure () -> ProducerDescription?
    ) -> CrossOriginPolicy {
        guard hasPolicies else { return CrossOriginPolicy() }
        if !producers.isEmpty, let name = producer()?.name, let policy = producers[name] { return policy }
        return listeners[arrival.entrance.listener].crossOrigin
    }

    func tokenRules(for producer: ProducerDescription) -> TokenRules {
        tokensOfProducers.isEmpty ? tokens : tokensOfProducers[producer.name] ?? tokens
    }

    /// A query as producers get it.
    func withoutTokens(_ query: [StreamRequest.Field]) -> [StreamRequest.Field] {
        tokenParameters.isEmpty ? query : query.filter { !tokenParameters.contains($0.name) }
    }

    /// Why a request may not be asked at all; `nil` if it may.
    /// - Parameter policy: the one for the request.
    func objection(
        to head: HTTPRequestHead, _ arrival: Arrival, _ policy: @autoclosure () -> CrossOriginPolicy
    ) -> AccessObjection? {
        // What a proxy says about the host does not count here: a page can say the same in the name of this machine.
        if arrival.entrance.isLoopback, let authority = RequestTarget.authority(of: head),
            !listeners[arrival.entrance.listener].hosts.accept(authority)
        {
            return .host(String(authority))
        }
        guard head.method != .GET, head.method != .HEAD, head.method != .OPTIONS, Self.isCrossOrigin(head, arrival)
        else {
            return nil
        }
        let origin = Self.origin(of: head)
        return origin.map(policy().allows) == true ? nil : .origin(origin ?? "another site")
    }

    /// The origin of the page that asks; `nil` if there is none, or more than one.
    static func origin(of head: HTTPRequestHead) -> String? {
        guard let origin = head.headers.first(name: "origin") else { return nil }
        return head.headers["origin"].count == 1 ? origin : nil
    }

    /// Whether a page of another origin asks. Clients that are not browsers say nothing of the kind.
    static func isCrossOrigin(_ head: HTTPRequestHead, _ arrival: Arrival) -> Bool {
        if let site = head.headers.first(name: "sec-fetch-site") { return site != "same-origin" && site != "none" }
        guard head.headers.contains(name: "origin") else { return false }
        guard let origin = Self.origin(of: head).flatMap({ WebOrigin($0) }),
            let authority = arrival.authority.map({ $0[...] }) ?? RequestTarget.authority(of: head)
        else { return true }
        // Without a proxy that says so, it is not known whether the client used TLS.
        if let scheme = arrival.scheme, scheme != origin.scheme { return true }
        return origin.authority.lowercased() != authority.lowercased()
    }
}

/// Where a connection came in.
struct Entrance: Sendable, Equatable {
    /// The position of its listener in the settings.
    var listener = 0
    /// The listener is on a loopback address.
    var isLoopback = false
    /// Connections begin with a PROXY header.
    var expectsProxyHeader = false
    /// The listener is in the file system.
    var isUnix = false
}

/// Why a request is refused before it is looked at.
enum AccessObjection: Equatable {
    /// The `Host` is none of this server's.
    case host(String)
    /// A page of this origin asks, and may not.
    case origin(String)
    case token(TokenObjection)

    var response: Response {
        switch self {
        case .token(let objection): objection.response
        case .host(let host):
            Problem(
                421,
                "This server is on a loopback address, and does not know the host \(host). If that is its name, it must be listed in “hosts”."
            ).response
        case .origin(let origin):
            Problem(
                403,
                "Pages of \(origin) may not send requests to this route. Origins are allowed with “cors-origins”."
            ).response
        }
    }

    /// For the log.
    var reason: String {
        switch self {
        case .host(let host): "unknown host \(host)"
        case .origin(let origin): "cross-origin request of \(origin)"
        case .token(let objection): objection.reason
        }
    }

    /// For the metrics.
    var kind: String {
        switch self {
        case .host: "host"
        case .origin: "origin"
        case .token(.claim): "claim"
        case .token: "token"
        }
    }

    /// Whose request it is, if that is certain.
    var subject: String? { if case .token(let objection) = self { objection.subject } else { nil } }
}
