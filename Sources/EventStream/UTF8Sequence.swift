/// One well-formed UTF-8 sequence of more than one byte (Unicode, table 3-7): no overlong form, no surrogate, nothing
/// above U+10FFFF.
enum UTF8Sequence {
    /// The four bytes from `source` on, the first one lowest; bytes that are not available are zero.
    @inline(__always)
    static func word(_ source: UnsafeRawPointer, available: Int) -> UInt32 {
        if available >= 4 { return UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)) }
        var word: UInt32 = 0
        for index in 0..<available {
            word |= UInt32(source.load(fromByteOffset: index, as: UInt8.self)) << UInt32(8 * index)
        }
        return word
    }

    /// The length of the sequence that `word` begins with, 2 to 4, or 0 if it is ill-formed.
    @inline(__always)
    static func length(_ word: UInt32) -> Int {
        if word & 0xC0E0 == 0x80C0 { return word & 0x1E != 0 ? 2 : 0 }
        if word & 0xC0_C0F0 == 0x80_80E0 {
            let scalar = (word & 0x0F) << 12 | (word & 0x3F00) >> 2 | (word & 0x3F_0000) >> 16
            return scalar >= 0x800 && scalar & 0xF800 != 0xD800 ? 3 : 0
        }
        if word & 0xC0C0_C0F8 == 0x8080_80F0 {
            let scalar =
                (word & 0x07) << 18 | (word & 0x3F00) << 4 | (word & 0x3F_0000) >> 10 | (word & 0x3F00_0000) >> 24
            return scalar >= 0x1_0000 && scalar <= 0x10_FFFF ? 4 : 0
        }
        return 0
    }

    /// How many bytes of the ill-formed sequence that `word` begins with become one U+FFFD: the longest beginning of a
    /// well-formed one, at least 1.
    static func illFormedLength(_ word: UInt32) -> Int {
        let first = UInt8(truncatingIfNeeded: word)
        let second = UInt8(truncatingIfNeeded: word >> 8)
        let third = UInt8(truncatingIfNeeded: word >> 16)
        let seconds: ClosedRange<UInt8>
        switch first {
        case 0xE0: seconds = 0xA0...0xBF
        case 0xED: seconds = 0x80...0x9F
        case 0xE1...0xEF: seconds = 0x80...0xBF
        case 0xF0: seconds = 0x90...0xBF
        case 0xF4: seconds = 0x80...0x8F
        case 0xF1...0xF3: seconds = 0x80...0xBF
        default: return 1
        }
        guard seconds.contains(second) else { return 1 }
        return first >= 0xF0 && (0x80...0xBF).contains(third) ? 3 : 2
    }
}
