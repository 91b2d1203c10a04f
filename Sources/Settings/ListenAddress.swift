/// Where a server listens: `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`, or `:8080` for every IPv4 address.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or an address, without brackets.
    package let host: String
    /// 0: any that is free.
    package let port: Int

    package static let expectation = "HOST:PORT, such as 127.0.0.1:8080, [::1]:8080 or :8080 (port 0: any free port)"

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isWholeNumber }), let port = UInt16(digits) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.contains(":") {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { ":[]".contains($0) }) {
            return nil
        }
        guard !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "\0" }) else { return nil }
        self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: Int(port))
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
