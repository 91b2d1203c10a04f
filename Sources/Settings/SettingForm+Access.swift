/// The forms of settings that say who may ask, and in whose name.
extension SettingForm where Value == String {
    /// The name of a host as in a `Host` header, without port, or `*` for any; returned in lower case.
    package static var hostName: Self {
        Self(placeholder: "host", expectation: "a host name without port, such as events.example.com, or '*' for any") {
            let text = $0.lowercased()
            return text == "*" || HostName.isValid(text[...]) ? text : nil
        }
    }

    /// The name of a header, as written.
    package static var headerName: Self {
        Self(placeholder: "header", expectation: "the name of a header, such as X-Request-Id") { text in
            let isName = text.lowercased().utf8.allSatisfy {
                HostName.isLetterOrDigit($0) || "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
            return isName && !text.isEmpty && text != "*" ? text : nil
        }
    }

    /// A path below which all routes are; empty for none.
    package static var basePath: Self {
        Self(
            placeholder: "path",
            expectation: "a path that begins with a slash and does not end with one, such as /events"
        ) { text in
            let isPath =
                text.hasPrefix("/") && !text.hasSuffix("/") && !text.contains("//")
                && text.utf8.allSatisfy { 0x21...0x7e ~= $0 && !"?#%{}".utf8.contains($0) }
                && !text.split(separator: "/").contains { $0 == "." || $0 == ".." }
            return text.isEmpty || isPath ? text : nil
        }
    }
}

/// The forms of settings about tokens.
extension SettingForm where Value == String {
    /// Text without control characters.
    package static func plainText(_ placeholder: String) -> Self {
        Self(placeholder: placeholder, expectation: "text without control characters") { text in
            let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
            return text.isEmpty || !isPlain ? nil : text
        }
    }

    package static var filePath: Self {
        Self(placeholder: "file", expectation: "a file") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    /// The name of a cookie (RFC 6265 §4.1.1); empty for none.
    package static var cookieName: Self {
        Self(placeholder: "name", expectation: "the name of a cookie, such as session") { text in
            text.isEmpty ? text : headerName.parse(text)
        }
    }

    /// The name of a query parameter; empty for none.
    package static var queryName: Self {
        Self(placeholder: "name", expectation: "the name of a query parameter, such as access_token") { text in
            text.utf8.allSatisfy { HostName.isLetterOrDigit($0) || "-._~".utf8.contains($0) } ? text : nil
        }
    }
}

extension SettingForm where Value == KeySource {
    package static var keySource: Self {
        Self(placeholder: "file", expectation: KeySource.expectation, parse: KeySource.init(_:))
    }
}

extension SettingForm where Value == ClaimPattern {
    package static var claimPattern: Self {
        Self(placeholder: "claim=value", expectation: ClaimPattern.expectation, parse: ClaimPattern.init(_:))
    }
}

extension SettingForm where Value == OriginPattern {
    package static var origin: Self {
        Self(placeholder: "origin", expectation: OriginPattern.expectation, parse: OriginPattern.init(_:))
    }
}

extension SettingForm where Value == ProxyPattern {
    package static var proxy: Self {
        Self(placeholder: "address", expectation: ProxyPattern.expectation, parse: ProxyPattern.init(_:))
    }
}

extension Substring {
    /// Without blanks around it.
    var trimmed: String {
        guard let first = firstIndex(where: { $0 != " " }), let last = lastIndex(where: { $0 != " " }) else {
            return ""
        }
        return String(self[first...last])
    }
}
