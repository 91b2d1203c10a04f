import ProducerInterface

/// A route as a plugin declares it: `/ticker/{symbol}`, made of whole segments.
struct RoutePattern: Equatable {
    enum Segment: Equatable {
        case literal(String)
        case placeholder(String)
    }

    /// As declared.
    let text: String
    let segments: [Segment]

    static let bytesMax = 512
    static let segmentsMax = 32

    init(parsing text: String) throws(Defect) {
        self.text = text
        guard text.hasPrefix("/") else { throw Self.defect(text, "does not begin with a slash") }
        guard text.utf8.count <= Self.bytesMax else { throw Self.defect(text, "has more than \(Self.bytesMax) bytes") }

        let parts = text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= Self.segmentsMax else {
            throw Self.defect(text, "has more than \(Self.segmentsMax) segments")
        }
        if text == "/" {
            segments = []
            return
        }
        var segments: [Segment] = []
        for part in parts {
            let segment = try Self.segment(part, of: text)
            if case .placeholder(let name) = segment, segments.contains(segment) {
                throw Self.defect(text, "has the placeholder {\(name)} twice")
            }
            segments.append(segment)
        }
        self.segments = segments
    }

    var placeholders: [String] {
        segments.compactMap { if case .placeholder(let name) = $0 { name } else { nil } }
    }

    /// Equal for two routes that could match the same path, neither being more specific than the other.
    var shape: String {
        "/" + segments.map { if case .literal(let text) = $0 { text } else { "{}" } }.joined(separator: "/")
    }

    private static func segment(_ part: Substring.UTF8View.SubSequence, of text: String) throws(Defect) -> Segment {
        let name = String(Substring(part))
        if name.isEmpty { throw defect(text, "has an empty segment") }
        if name == "." || name == ".." { throw defect(text, "has the segment \"\(name)\", which clients remove") }
        if name.hasPrefix("{") && name.hasSuffix("}") && name.utf8.count > 2 {
            let inner = String(name.dropFirst().dropLast())
            guard inner.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }) else {
                throw defect(text, "has the placeholder {\(inner)}, which cannot be a parameter's name")
            }
            return .placeholder(inner)
        }
        guard name.utf8.allSatisfy({ isLetterOrDigit($0) || literalPunctuation.contains($0) }) else {
            throw defect(text, "has the segment \"\(name)\", which is neither a {placeholder} nor plain path text")
        }
        return .literal(name)
    }

    /// RFC 3986, section 3.3: characters that stand for themselves in a segment.
    private static let literalPunctuation = Array("-._~!$&'()*+,;=:@".utf8)

    private static func defect(_ text: String, _ rule: String) -> Defect {
        Defect(
            "the route \"\(onOneLine(text))\" \(rule)",
            remedy: "write it like /ticker/{symbol}, with each placeholder a whole segment")
    }
}
