@testable import EventStream

/// Fields with any bytes, and the frames that the contract requires for them, computed in the simplest way.
struct RandomFields {
    var data: [UInt8]?
    var type: [UInt8]?
    var id: [UInt8]?
    var comment: [UInt8]?
    var retryMilliseconds: Int64 = -1

    init(_ random: inout some RandomNumberGenerator) {
        if Bool.random(using: &random) { data = Self.text(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 { type = Self.text(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 { id = Self.text(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 { comment = Self.text(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 {
            let width = UInt64.random(in: 0..<64, using: &random)
            retryMilliseconds = Int64.random(in: .min ... .max, using: &random) >> width
        }
    }

    /// Mostly valid text, sometimes invalid text.
    private static func text(_ random: inout some RandomNumberGenerator) -> [UInt8] {
        let pieces = [
            "", "a", "{\"price\":17.25}", "sixteen bytes ok", " ", ": ", "data: x", "é", "мир", "世界", "🌍", "\u{2028}",
            "sluice-end",
        ]
        let lineEnds = ["\n", "\r", "\r\n", "\n\r"]
        let bad: [[UInt8]] = [[0xFF], [0xC3], [0xE4, 0xB8], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0x80]]
        let hasLineEnds = Bool.random(using: &random)
        var text: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<12, using: &random) {
            switch Int.random(in: 0..<200, using: &random) {
            case 0: text += bad.randomElement(using: &random) ?? []
            case 1: text.append(0)
            case 199: text += [UInt8](repeating: 0x79, count: 1000)
            case 2..<60 where hasLineEnds: text += Array((lineEnds.randomElement(using: &random) ?? "").utf8)
            case 60..<90: text += [UInt8](repeating: 0x78, count: Int.random(in: 0..<70, using: &random))
            default: text += Array((pieces.randomElement(using: &random) ?? "").utf8)
            }
        }
        return text
    }

    /// The event that a client finds in the frame; `nil` if there must be no frame.
    var onTheWire: Event? {
        guard data != nil || type != nil || id != nil || comment != nil || retryMilliseconds >= 0 else { return nil }
        for text in [data, type, id, comment] {
            if let text, String(validating: text, as: UTF8.self) == nil { return nil }
        }
        for text in [type, id] {
            if let text, text.contains(where: { [0x00, 0x0A, 0x0D].contains($0) }) { return nil }
        }
        if let id, id == Array("sluice-end".utf8) || id.count > 1024 { return nil }
        return Event(
            data: data.map(Self.withLineFeeds), type: type.map { String(decoding: $0, as: UTF8.self) },
            id: id.map { String(decoding: $0, as: UTF8.self) }, comment: comment.map(Self.withLineFeeds),
            retryMilliseconds: retryMilliseconds >= 0 ? retryMilliseconds : nil)
    }

    private static func withLineFeeds(_ text: [UInt8]) -> String {
        var scalars = String.UnicodeScalarView()
        var lastWasReturn = false
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            if !(lastWasReturn && scalar == "\n") { scalars.append(scalar == "\r" ? "\n" : scalar) }
            lastWasReturn = scalar == "\r"
        }
        return String(scalars)
    }

    /// - Returns: the fault, or `nil` if a frame was appended.
    func encode(into frames: inout FrameBuffer) -> EncodingFault? {
        (data ?? []).withUnsafeBytes { dataBytes in
            (type ?? []).withUnsafeBytes { typeBytes in
                (id ?? []).withUnsafeBytes { idBytes in
                    (comment ?? []).withUnsafeBytes { commentBytes in
                        var fields = EventFields()
                        if data != nil { fields.data = dataBytes }
                        if type != nil { fields.type = typeBytes }
                        if id != nil { fields.id = idBytes }
                        if comment != nil { fields.comment = commentBytes }
                        fields.retryMilliseconds = retryMilliseconds
                        do throws(EncodingFault) {
                            try EventEncoder().encode(fields, into: &frames)
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
            }
        }
    }
}
