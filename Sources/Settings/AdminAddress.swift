/// Where the admin listener is, if there is one.
package enum AdminAddress: Sendable, Equatable {
    case none
    case at(ListenAddress)
}

extension SettingForm where Value == AdminAddress {
    package static var addressOrNone: Self {
        Self(
            placeholder: "address",
            expectation: "HOST:PORT, such as 127.0.0.1:9180 (port 0: any free port), unix:PATH, or 'none'"
        ) { text in
            if text == "none" { return AdminAddress.none }
            guard let address = ListenAddress(text), !address.acceptsProxyHeader else { return nil }
            // The service manager's sockets are the public ones.
            if case .systemd = address.place { return nil }
            return .at(address)
        }
    }
}

extension SettingForm where Value == String {
    /// The path of a URL, as it is sent; empty for none.
    package static var pathOrNone: Self {
        Self(placeholder: "path", expectation: "a path that begins with '/' and has no '?', '#' or blank, or 'none'") {
            if $0 == "none" { return "" }
            let isPath = $0.utf8.first == UInt8(ascii: "/") && $0.utf8.allSatisfy { 0x21...0x7e ~= $0 }
            return isPath && !$0.contains("?") && !$0.contains("#") ? $0 : nil
        }
    }
}
