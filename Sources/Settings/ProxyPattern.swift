package import SystemCalls

/// Which peers are proxies that may name the client: an address or a block of addresses, or `unix` for all programs
/// that connect through a socket in the file system.
package enum ProxyPattern: Sendable, Hashable {
    case addresses(IPRange)
    case unix

    package static let expectation = "an address or a block of addresses, such as 127.0.0.1 or 10.0.0.0/8, or 'unix'"

    package init?(_ text: String) {
        if text == "unix" {
            self = .unix
        } else {
            guard let range = IPRange(text) else { return nil }
            self = .addresses(range)
        }
    }
}
