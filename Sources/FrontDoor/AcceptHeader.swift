/// What a client's `Accept` says about event streams (RFC 9110 §12.5.1).
struct AcceptHeader: Equatable {
    /// `false` when it excludes them.
    let allowsEventStream: Bool
    /// It names `text/event-stream` itself, as EventSource does: such a client gives up for good on any status but 200.
    let namesEventStream: Bool

    /// - Parameter values: the header's lines; none means that any type is accepted.
    init(_ values: [String]) {
        if values.count == 1, values[0] == "text/event-stream" {
            (allowsEventStream, namesEventStream) = (true, true)
            return
        }
        // The most exact range decides, whatever the others say; of two equally exact ranges, the one with the higher
        // quality.
        var best: (precision: Int, quality: Int)?
        for value in values {
            for element in value.utf8.split(separator: UInt8(ascii: ",")) {
                guard let range = MediaRange(element) else { continue }
                let candidate = (range.precision, range.precision == 0 ? 0 : range.quality)
                if best == nil || best! < candidate { best = candidate }
            }
        }
        allowsEventStream = best.map { $0.quality > 0 } ?? true
        namesEventStream = best.map { $0.precision == 3 && $0.quality > 0 } ?? false
    }
}

/// One element of an `Accept` header.
private struct MediaRange {
    /// How exactly it matches `text/event-stream`: 3 by name, 2 as `text/*`, 1 as `*/*`, 0 not at all.
    let precision: Int
    /// In thousandths, 0 to 1000.
    let quality: Int

    /// - Returns: `nil` if the element is not a media range; such an element is ignored.
    init?(_ element: Substring.UTF8View) {
        let parts = element.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map {
            String(Substring($0)).trimmed.lowercased()
        }
        guard let type = parts.first, type.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 1 else { return nil }
        switch type {
        case "text/event-stream": precision = 3
        case "text/*": precision = 2
        case "*/*": precision = 1
        default: precision = 0
        }
        guard let weight = parts.dropFirst().first(where: { $0.hasPrefix("q=") }) else {
            quality = 1000
            return
        }
        guard let thousandths = Self.thousandths(weight.dropFirst(2).utf8) else { return nil }
        quality = thousandths
    }

    /// `0`, `1`, or one of them with up to three decimals, at most 1.
    private static func thousandths(_ text: Substring.UTF8View) -> Int? {
        let bytes = Array(text)
        guard let first = bytes.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1"), bytes.count <= 5,
            bytes.count < 2 || bytes[1] == UInt8(ascii: ".")
        else { return nil }
        var value = Int(first - UInt8(ascii: "0")) * 1000
        var unit = 100
        for digit in bytes.dropFirst(2) {
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else { return nil }
            value += Int(digit - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return value <= 1000 ? value : nil
    }
}

extension String {
    /// Without the blanks and tabs at both ends.
    var trimmed: String {
        let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard let start = utf8.firstIndex(where: { !isBlank($0) }), let end = utf8.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(self[start...end])
    }
}
