import ProducerInterface

/// Which producer answers on which path. It is immutable; a reload replaces the whole table.
package struct RouteTable: Sendable {
    private let serving: RouteIndex
    /// Routes that are gone, while some of their streams have not ended yet. Routes that serve take precedence.
    private let leaving: RouteIndex
    /// The routes in `leaving` count regardless of their streams.
    private let isEnded: Bool
    /// All entries that serve, in the order given.
    package let entries: [ProducerEntry]

    /// - Parameters:
    ///   - entries: no two of them have routes of the same shape, as the loader has refused those.
    ///   - leaving: entries that no longer serve; each counts while its generation drains.
    package init(_ entries: [ProducerEntry] = [], leaving: [ProducerEntry] = []) {
        self.entries = entries
        serving = RouteIndex(entries)
        self.leaving = RouteIndex(leaving)
        isEnded = false
    }

    private init(leaving: RouteIndex) {
        entries = []
        serving = RouteIndex([])
        self.leaving = leaving
        isEnded = true
    }

    /// A table of the same routes, none of which is served any longer.
    var ended: RouteTable { isEnded ? self : RouteTable(leaving: serving) }

    /// - Parameter path: as sent, without query. Segments are compared and captured after percent-decoding, so an
    ///   encoded slash is part of a value and never a separator. An empty segment matches no placeholder.
    package func match(_ path: String) -> RouteMatch? {
        if let (entry, values) = serving.match(path, where: { _ in true }) {
            return RouteMatch(entry: entry, values: values)
        }
        let counts = { (entry: ProducerEntry) in isEnded || entry.generation.isDraining }
        guard let (entry, values) = leaving.match(path, where: counts) else { return nil }
        return RouteMatch(entry: entry, values: values, isLeaving: true)
    }
}

/// Entries by their routes.
private struct RouteIndex: Sendable {
    /// Routes without placeholders, by their path.
    private var literal: [String: [ProducerEntry]] = [:]
    /// Routes with placeholders, by their number of segments, the most specific first.
    private var patterns: [Int: [Pattern]] = [:]

    private struct Pattern: Sendable {
        enum Segment: Sendable {
            case literal(String)
            case placeholder(String)
        }
        let segments: [Segment]
        let entry: ProducerEntry

        /// Orders patterns of one length: if two can match the same path, the one with the earlier literal comes first.
        var specificity: [Int] { segments.map { if case .literal = $0 { 0 } else { 1 } } }
    }

    init(_ entries: [ProducerEntry]) {
        for entry in entries {
            let route = entry.description.route
            guard route.contains("{") else {
                literal[route, default: []].append(entry)
                continue
            }
            let segments = route.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { segment in
                segment.hasPrefix("{") && segment.hasSuffix("}")
                    ? Pattern.Segment.placeholder(String(segment.dropFirst().dropLast())) : .literal(String(segment))
            }
            patterns[segments.count, default: []].append(Pattern(segments: segments, entry: entry))
        }
        for count in patterns.keys {
            patterns[count]!.sort { $0.specificity.lexicographicallyPrecedes($1.specificity) }
        }
    }

    /// - Parameter counts: whether an entry is considered.
    func match(
        _ path: String, where counts: (ProducerEntry) -> Bool
    ) -> (entry: ProducerEntry, values: [StreamRequest.Field])? {
        if let entry = literal[path]?.first(where: counts) { return (entry, []) }
        guard path.hasPrefix("/") else { return nil }
        var decoded: [String] = []
        for segment in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let text = percentDecoded(segment) else { return nil }
            decoded.append(text)
        }
        if path.contains("%"), let entry = literal["/" + decoded.joined(separator: "/")]?.first(where: counts),
            !decoded.contains(where: { $0.contains("/") })
        {
            return (entry, [])
        }
        candidates: for pattern in patterns[decoded.count] ?? [] where counts(pattern.entry) {
            var values: [StreamRequest.Field] = []
            for (segment, text) in zip(pattern.segments, decoded) {
                switch segment {
                case .literal(let wanted): guard wanted == text else { continue candidates }
                case .placeholder(let name):
                    guard !text.isEmpty else { continue candidates }
                    values.append(StreamRequest.Field(name, text))
                }
            }
            return (pattern.entry, values)
        }
        return nil
    }

    /// Decodes percent-encoded text (RFC 3986, section 2.1).
    /// - Returns: `nil` for a broken escape, or if the result is not UTF-8.
    private func percentDecoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
