/// JSON (RFC 8259) on one line, written straight into a frame: no text that comes from C is a line end here, nor invalid UTF-8.
extension FrameBuffer {
    package mutating func appendByte(_ byte: UInt8) {
        reserve(1).storeBytes(of: byte, as: UInt8.self)
        commit(1)
    }

    /// Appends a string with its quotes. Whatever the bytes are, the result is valid: of ill-formed UTF-8, each maximal part
    /// (Unicode 3.9, table 3-8) becomes U+FFFD. What could end a script element is escaped.
    package mutating func appendJSON(text bytes: UnsafeRawBufferPointer) {
        appendByte(UInt8(ascii: "\""))
        appendSequences(of: bytes) { buffer, byte in
            switch byte {
            case UInt8(ascii: "\""): buffer.append("\\\"")
            case UInt8(ascii: "\\"): buffer.append("\\\\")
            case UInt8(ascii: "\n"): buffer.append("\\n")
            case UInt8(ascii: "\r"): buffer.append("\\r")
            case UInt8(ascii: "\t"): buffer.append("\\t")
            case 0..<0x20, 0x7f, UInt8(ascii: "<"):
                buffer.append("\\u00")
                buffer.appendByte(Self.digit(byte >> 4))
                buffer.appendByte(Self.digit(byte & 15))
            default: return false
            }
            return true
        }
        appendByte(UInt8(ascii: "\""))
    }

    /// Appends text for a field of one line, as `type` and `id` are: line ends and NUL become blanks, ill-formed UTF-8 as above.
    package mutating func appendOneLine(_ bytes: UnsafeRawBufferPointer) {
        appendSequences(of: bytes) { buffer, byte in
            guard byte == 0x0A || byte == 0x0D || byte == 0 else { return false }
            buffer.appendByte(0x20)
            return true
        }
    }

    /// Copies runs of plain text at once.
    /// - Parameter replace: appends something in place of an ASCII byte, or answers `false`.
    @inline(__always)
    private mutating func appendSequences(
        of bytes: UnsafeRawBufferPointer, _ replace: (inout FrameBuffer, UInt8) -> Bool
    ) {
        guard let source = bytes.baseAddress else { return }
        var taken = 0
        var runStart = 0
        while taken < bytes.count {
            let byte = source.load(fromByteOffset: taken, as: UInt8.self)
            if byte < 0x80 {
                if byte > 0x3C && byte < 0x5C || byte > 0x5C && byte < 0x7f || byte > 0x22 && byte < 0x3C {
                    taken &+= 1
                    continue
                }
                append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
                if !replace(&self, byte) { appendByte(byte) }
                taken &+= 1
                runStart = taken
                continue
            }
            let word = UTF8Sequence.word(source + taken, available: bytes.count &- taken)
            let length = UTF8Sequence.length(word)
            if length > 0 {
                taken &+= length
                continue
            }
            append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
            append("\u{FFFD}")
            taken &+= UTF8Sequence.illFormedLength(word)
            runStart = taken
        }
        append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
    }

    /// Appends all digits of a whole number, also where JavaScript would round it.
    package mutating func appendJSON(_ number: Int64) {
        if number < 0 { appendByte(UInt8(ascii: "-")) }
        appendJSON(number.magnitude)
    }

    package mutating func appendJSON(_ number: UInt64) {
        var rest = number
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let target = reserve(digits)
        rest = number
        for index in stride(from: digits - 1, through: 0, by: -1) {
            target.storeBytes(of: 0x30 + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
        commit(digits)
    }

    /// Appends the shortest text that reads back as the same number; `null` for one that is not finite, which JSON cannot say.
    package mutating func appendJSON(_ number: Double) {
        guard number.isFinite else { return append("null") }
        appendText(of: number)
    }

    package mutating func appendJSON(_ number: Float) {
        guard number.isFinite else { return append("null") }
        appendText(of: number)
    }

    /// `1.0`, `-0.5`, `1e-07`: as Swift prints it, which is also JSON.
    private mutating func appendText(of number: some TextOutputStreamable) {
        var text = ShortText()
        number.write(to: &text)
        withUnsafeBytes(of: text.bytes) { append(UnsafeRawBufferPointer(rebasing: $0[..<text.count])) }
    }

    /// Appends an address in hexadecimal, as a string.
    package mutating func appendJSON(address: UInt) {
        append("\"0x")
        var shift = UInt.bitWidth - 4
        while shift > 0, address >> shift == 0 { shift -= 4 }
        while shift >= 0 {
            appendByte(Self.digit(UInt8(truncatingIfNeeded: address >> shift & 15)))
            shift -= 4
        }
        appendByte(UInt8(ascii: "\""))
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x57 + value
    }
}

/// Takes what a number prints, without a `String` in between: one of more than 15 bytes would be allocated.
private struct ShortText: TextOutputStream {
    /// The longest, -2.2250738585072014e-308, has 24 bytes.
    var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var count = 0

    mutating func write(_ string: String) {
        var string = string
        string.withUTF8 { _writeASCII($0) }
    }

    /// What the standard library calls with the digits of a number; without it, it would call `write`.
    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        withUnsafeMutableBytes(of: &bytes) { bytes in
            let room = UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
            room.copyBytes(from: buffer.prefix(room.count))
        }
        count = min(count + buffer.count, 32)
    }
}
