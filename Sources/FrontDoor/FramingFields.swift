/// Finds in a head what the parser refuses though RFC 9110 allows it, in the two fields that say where the body ends: a
/// tab beside a value (§5.5), and an empty element after the last coding (§5.6.1). Both mean as much as a blank.
///
/// It works byte by byte, because a head may come that way. `FieldRules` sees what follows such a blank and must not.
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
        /// So many bytes of its name have come.
        case name(Field, Int)
        case contentLength
        case transferEncoding(Element)
        /// Of no interest, up to the end of the line.
        case other
    }

    private enum Element {
        /// So many bytes of "chunked" have come, and nothing else; blanks may have.
        case chunked(Int)
        case other
    }

    private var state = State.lineStart

    /// The next byte begins a line.
    mutating func beginLine() { state = .lineStart }

    /// - Returns: whether a blank is to take the byte's place.
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
        // The case bit of the name's other characters is set anyway.
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
