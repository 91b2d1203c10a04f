/// Which origins a setting allows: `https://app.example.com`, `https://*.example.com` for all subdomains, `*` for all,
/// or `local` for those of this machine.
package enum OriginPattern: Sendable, Hashable {
    case any
    case local
    /// As browsers send it: in lower case, without the scheme's usual port.
    case exact(String)
    /// Origins that begin with the scheme, "https://", and end with the rest, ".example.com:8443".
    case subdomains(scheme: String, end: String)

    package static let expectation =
        "an origin, such as https://app.example.com, https://*.example.com or http://localhost:3000; '*' for any; or "
        + "'local' for those of this machine"

    package init?(_ text: String) {
        switch text {
        case "*": self = .any
        case "local": self = .local
        default:
            let text = text.lowercased()
            guard let separator = text.firstRange(of: "://") else { return nil }
            let scheme = text[..<separator.lowerBound]
            var host = text[separator.upperBound...]
            guard Self.isScheme(scheme) else { return nil }
            var port = ""
            if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
                let digits = host[host.index(after: colon)...]
                guard let number = UInt16(digits), number > 0, String(number) == digits else { return nil }
                host = host[..<colon]
                if Self.usualPorts[String(scheme)] != number { port = ":\(number)" }
            }
            if let domain = host.rest(after: "*.") {
                guard HostName.isValid(domain), !domain.hasPrefix("[") else { return nil }
                self = .subdomains(scheme: "\(scheme)://", end: ".\(domain)\(port)")
            } else {
                guard HostName.isValid(host) else { return nil }
                self = .exact("\(scheme)://\(host)\(port)")
            }
        }
    }

    private static let usualPorts: [String: UInt16] = ["http": 80, "https": 443]

    /// RFC 3986 §3.1.
    private static func isScheme(_ text: Substring) -> Bool {
        text.utf8.first.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 } == true
            && text.utf8.allSatisfy { HostName.isLetterOrDigit($0) || "+-.".utf8.contains($0) }
    }
}
