/// Finds in a head what the parser rejects though RFC 9110 allows it, in the two fields that say where the body ends: a
/// tab next to a value (§5.5), and an empty element after the last coding (§5.6.1). Both mean the same as a blank.
///
/// It works byte by byte, because a head may arrive that way. `FieldRules` rejects what must not follow such a blank.
struct FramingFields {
    private enum Field {
        case contentLength, transferEncoding

        var name: StaticString {
            switch self {
            case .contentLength: "content-length:"
            case .transferEncoding: "transfer-encoding:"
            }
        }
    }

    private enum State {
        case lineStart
        /// This many bytes of its name have arrived.
        case name(Field, Int)
        case contentLength
        case transferEncoding(Element)
        /// Of no interest, up to the end of the line.
        case other
    }

    private enum Element {
        /// This many bytes of "chunked" have arrived, and nothing else but blanks.
        case chunked(Int)
        case other
    }

    private var state = State.lineStart

    /// The next byte begins a line.
    mutating func beginLine() { state = .lineStart }

    /// - Returns: whether to replace the byte with a blank.
    mutating func take(_ byte: UInt8) -> Bool {
        switch state {
        case .other: return false
        case .lineStart:
            switch byte | 0x20 {
            case UInt8(ascii: "c"): state = .name(.contentLength, 1)
            case UInt8(ascii: "t"): state = .name(.transferEncoding, 1)
            default: state = .other
            }
            return false
        case .name(let field, let count):
            takeName(byte, of: field, at: count)
            return false
        case .contentLength: return byte == UInt8(ascii: "\t")
        case .transferEncoding(let element): return takeCoding(byte, element)
        }
    }

    private mutating func takeName(_ byte: UInt8, of field: Field, at count: Int) {
        // `| 0x20` makes letters lower case; the other characters of the names have this bit already.
        guard byte | 0x20 == field.name.utf8Start[count] else { return state = .other }
        guard count + 1 == field.name.utf8CodeUnitCount else { return state = .name(field, count + 1) }
        state = field == .contentLength ? .contentLength : .transferEncoding(.chunked(0))
    }

    private mutating func takeCoding(_ byte: UInt8, _ element: Element) -> Bool {
        let name: StaticString = "chunked"
        switch (byte, element) {
        case (UInt8(ascii: ","), .chunked(name.utf8CodeUnitCount)): return true
        case (UInt8(ascii: ","), _): state = .transferEncoding(.chunked(0))
        case (UInt8(ascii: " "), .chunked(0)), (UInt8(ascii: " "), .chunked(name.utf8CodeUnitCount)): break
        case (UInt8(ascii: "\t"), .chunked(0)), (UInt8(ascii: "\t"), .chunked(name.utf8CodeUnitCount)): return true
        case (_, .chunked(let count))
        where count < name.utf8CodeUnitCount && byte | 0x20 == name.utf8Start[count]:
            state = .transferEncoding(.chunked(count + 1))
        default:
            state = .transferEncoding(.other)
            return byte == UInt8(ascii: "\t")
        }
        return false
    }
}
