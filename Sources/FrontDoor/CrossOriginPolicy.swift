import NIOHTTP1
import ProducerInterface
import SystemCalls

/// Which pages of other origins may read responses: CORS (Fetch §3.3).
package struct CrossOriginPolicy: Sendable, Equatable {
    /// Any origin may read. Not with credentials: then every page could read what its visitor may read.
    package var allowsAny = false
    /// Origins of this machine may read: http or https, a loopback host, any port.
    package var allowsLocal = false
    /// As browsers send them: "https://app.example.com".
    package var origins: Set<String> = []
    /// All origins that begin with the scheme, "https://", and end with the rest, ".example.com".
    package var subdomains: [Subdomains] = []
    /// Pages may send cookies.
    package var allowsCredentials = false
    /// Headers that pages may read besides those that Fetch §2.2.2 always lets them read.
    package var exposedHeaders: [String] = []
    /// How long a browser may remember the answer to a preflight request; zero: not at all.
    package var maxAge: Duration = .seconds(600)

    package struct Subdomains: Sendable, Equatable {
        let scheme: String
        let end: String

        package init(scheme: String, end: String) {
            self.scheme = scheme
            self.end = end
        }
    }

    package init() {}

    /// Nobody may read.
    var isEmpty: Bool { !allowsAny && !allowsLocal && origins.isEmpty && subdomains.isEmpty }

    /// - Parameter origin: of the request, "null" included.
    func allows(_ origin: String) -> Bool {
        if allowsAny { return true }
        if origins.contains(origin) { return true }
        if subdomains.contains(where: { $0.contains(origin) }) { return true }
        return allowsLocal && WebOrigin(origin)?.isLocal == true
    }

    /// The headers of every response, whatever its status.
    /// - Parameter origin: the request's; `nil` if it has none.
    func headers(for origin: String?) -> [StreamRequest.Field] {
        if isEmpty { return [] }
        // A cache must not give one origin's response to another (Fetch §3.3.5).
        var headers: [StreamRequest.Field] = allowsAny ? [] : [.init("Vary", "Origin")]
        guard let origin, allows(origin) else { return headers }
        headers.append(.init("Access-Control-Allow-Origin", allowsAny ? "*" : origin))
        if allowsCredentials { headers.append(.init("Access-Control-Allow-Credentials", "true")) }
        if !exposedHeaders.isEmpty {
            headers.append(.init("Access-Control-Expose-Headers", exposedHeaders.joined(separator: ", ")))
        }
        return headers
    }

    /// The further headers of the response to a preflight request of an allowed origin.
    /// - Parameters:
    ///   - methods: "GET, HEAD".
    ///   - requested: the value of `Access-Control-Request-Headers`. All of them are allowed: a page that may read
    ///     everything gains nothing by sending a header, and the value was checked to have no control characters.
    func preflightHeaders(methods: String, requested: String?) -> [StreamRequest.Field] {
        var headers: [StreamRequest.Field] = [
            .init("Access-Control-Allow-Methods", methods),
            // Browsers ask for it at a reconnect only, when the answer to the first request may be remembered.
            .init("Access-Control-Allow-Headers", requested.map { "Last-Event-ID, \($0)" } ?? "Last-Event-ID"),
            .init("Vary", "Access-Control-Request-Headers"),
        ]
        if maxAge > .zero {
            headers.append(.init("Access-Control-Max-Age", String(maxAge.components.seconds)))
        }
        return headers
    }
}

/// What a policy adds to the response to one request.
struct CrossOriginHeaders: Equatable {
    var headers: [StreamRequest.Field] = []

    init(_ headers: [StreamRequest.Field] = []) { self.headers = headers }

    var allowsReading: Bool { headers.contains { $0.name.lowercased() == "access-control-allow-origin" } }

    /// A header that the producer sets replaces the policy's. If it is the one that names the allowed origin, the
    /// producer has decided for itself, and none of the policy's is added.
    /// - Parameter others: the response's other headers, which come last.
    func added(to others: [StreamRequest.Field]) -> [StreamRequest.Field] {
        if headers.isEmpty { return others }
        let names = Set(others.lazy.map { $0.name.lowercased() }.filter { $0.hasPrefix("access-control-") })
        if names.isEmpty { return headers + others }
        let isDecided = names.contains("access-control-allow-origin")
        return headers.filter { header in
            let name = header.name.lowercased()
            return !name.hasPrefix("access-control-") || !isDecided && !names.contains(name)
        } + others
    }
}

extension CrossOriginPolicy.Subdomains {
    /// - Parameter origin: "https://a.example.com" for `https://*.example.com`; not "https://example.com".
    func contains(_ origin: String) -> Bool {
        guard origin.utf8.count > scheme.utf8.count + end.utf8.count, origin.hasPrefix(scheme), origin.hasSuffix(end)
        else { return false }
        return WebOrigin.isHostName(origin.utf8.dropFirst(scheme.utf8.count).dropLast(end.utf8.count))
    }
}

/// An origin as a browser sends it (RFC 6454 §6.2): "https://example.com:8443".
struct WebOrigin {
    let scheme: Substring
    let host: Substring
    /// With its port, if there is one, as in a `Host` header.
    let authority: Substring

    /// - Returns: `nil` for "null", and for what is not an origin.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        scheme = text[..<separator.lowerBound]
        authority = text[separator.upperBound...]
        guard !scheme.isEmpty, !authority.isEmpty, FieldRules.isAuthority(authority),
            let host = HostNames.host(of: authority)
        else { return nil }
        self.host = host
    }

    var isLocal: Bool { (scheme == "http" || scheme == "https") && HostNames.isLoopback(host) }

    /// Letters, digits, hyphens and dots.
    static func isHostName(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy {
            isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
        }
    }
}
