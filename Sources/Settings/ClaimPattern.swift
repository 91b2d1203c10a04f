/// What a claim must be: `sub={user}`, `scope=read:{room}`. Names in braces are parameters of the request.
package struct ClaimPattern: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case text(String)
        case parameter(String)
    }

    package let claim: String
    package let parts: [Part]

    /// The parameters of the request in it.
    package var parameters: [String] { parts.compactMap { if case .parameter(let name) = $0 { name } else { nil } } }

    package static let expectation =
        "CLAIM=VALUE, such as sub={user}, where a name in braces is a parameter of the request"

    package init?(_ text: String) {
        guard let sign = text.firstIndex(of: "="), sign > text.startIndex else { return nil }
        claim = String(text[..<sign])
        var parts: [Part] = []
        var rest = text[text.index(after: sign)...]
        while let first = rest.first {
            if first == "}" { return nil }
            if first != "{" {
                let literal = rest.prefix { $0 != "{" && $0 != "}" }
                parts.append(.text(String(literal)))
                rest = rest[literal.endIndex...]
                continue
            }
            let name = rest.dropFirst().prefix { $0 != "}" && $0 != "{" }
            // Without text in between, nobody could tell where one value ends.
            if case .parameter = parts.last { return nil }
            guard !name.isEmpty, name.endIndex < rest.endIndex, rest[name.endIndex] == "}",
                name.utf8.allSatisfy({ HostName.isLetterOrDigit($0) || $0 == UInt8(ascii: "_") })
            else { return nil }
            parts.append(.parameter(String(name)))
            rest = rest[rest.index(after: name.endIndex)...]
        }
        guard !parts.isEmpty, !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            return nil
        }
        self.parts = parts
    }
}
