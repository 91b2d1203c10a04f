/// Writes JSON (RFC 8259) on one line, straight into a frame: text that comes from C becomes neither a line end nor
/// invalid UTF-8.
package enum JSONLine {
    /// Writes a string with its quotes. Whatever the bytes are, the result is valid: each maximal part of ill-formed
    /// UTF-8 (Unicode 3.9, table 3-8) becomes U+FFFD. What could end a script element is escaped.
    package static func write(text bytes: UnsafeRawBufferPointer, to frames: inout FrameBuffer) {
        frames.append(byte: UInt8(ascii: "\""))
        OneLineText.writeRuns(of: bytes, to: &frames) { buffer, byte in
            switch byte {
            case UInt8(ascii: "\""): buffer.append("\\\"")
            case UInt8(ascii: "\\"): buffer.append("\\\\")
            case UInt8(ascii: "\n"): buffer.append("\\n")
            case UInt8(ascii: "\r"): buffer.append("\\r")
            case UInt8(ascii: "\t"): buffer.append("\\t")
            case 0..<0x20, 0x7f, UInt8(ascii: "<"):
                buffer.append("\\u00")
                buffer.append(byte: digit(byte >> 4))
                buffer.append(byte: digit(byte & 15))
            default: return false
            }
            return true
        }
        frames.append(byte: UInt8(ascii: "\""))
    }

    /// Writes all digits of a whole number, even if JavaScript would round it.
    package static func write(_ number: Int64, to frames: inout FrameBuffer) {
        if number < 0 { frames.append(byte: UInt8(ascii: "-")) }
        write(number.magnitude, to: &frames)
    }

    package static func write(_ number: UInt64, to frames: inout FrameBuffer) {
        var rest = number
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let target = frames.reserve(digits)
        rest = number
        for index in stride(from: digits - 1, through: 0, by: -1) {
            target.storeBytes(of: 0x30 + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
        frames.commit(digits)
    }

    /// Writes the shortest text that reads back as the same number; `null` for one that is not finite, which JSON
    /// cannot express.
    package static func write(_ number: Double, to frames: inout FrameBuffer) {
        guard number.isFinite else { return frames.append("null") }
        writeText(of: number, to: &frames)
    }

    package static func write(_ number: Float, to frames: inout FrameBuffer) {
        guard number.isFinite else { return frames.append("null") }
        writeText(of: number, to: &frames)
    }

    /// `1.0`, `-0.5`, `1e-07`: as Swift prints it, which is also JSON.
    private static func writeText(of number: some TextOutputStreamable, to frames: inout FrameBuffer) {
        var text = ShortText()
        number.write(to: &text)
        withUnsafeBytes(of: text.bytes) { frames.append(UnsafeRawBufferPointer(rebasing: $0[..<text.count])) }
    }

    /// Writes an address in hexadecimal, as a string.
    package static func write(address: UInt, to frames: inout FrameBuffer) {
        frames.append("\"0x")
        var shift = UInt.bitWidth - 4
        while shift > 0, address >> shift == 0 { shift -= 4 }
        while shift >= 0 {
            frames.append(byte: digit(UInt8(truncatingIfNeeded: address >> shift & 15)))
            shift -= 4
        }
        frames.append(byte: UInt8(ascii: "\""))
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x57 + value
    }
}

/// Receives the text of a number, without a `String` in between: one of more than 15 bytes would be allocated.
private struct ShortText: TextOutputStream {
    /// The longest, -2.2250738585072014e-308, has 24 bytes.
    var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var count = 0

    mutating func write(_ string: String) {
        var string = string
        string.withUTF8 { _writeASCII($0) }
    }

    /// The standard library calls this with the digits of a number; without it, it would call `write`.
    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        withUnsafeMutableBytes(of: &bytes) { bytes in
            let room = UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
            room.copyBytes(from: buffer.prefix(room.count))
        }
        count = min(count + buffer.count, 32)
    }
}
