/// Plain text is sent unchanged: ASCII without line ends. Sixteen bytes at a time are copied and checked.
///
/// The check is arithmetic on words, because a comparison of SIMD vectors byte by byte compiles to a loop over the
/// bytes.
enum PlainText {
    /// This many bytes after the copied text may be overwritten.
    static let slack = 16

    /// Sixteen bytes.
    private typealias Words = SIMD2<UInt64>

    /// Copies up to the first byte that is not plain.
    /// - Parameters:
    ///   - target: has room for `count + slack` bytes.
    ///   - plainNUL: `false` stops at a NUL, too.
    ///   - mostlyPlain: checks two times sixteen bytes first; slower if that often finds something.
    /// - Returns: how many bytes are plain, and were copied.
    @inline(__always)
    static func copy(
        _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int, plainNUL: Bool, mostlyPlain: Bool
    ) -> Int {
        guard count >= 16 else {
            let words = short(source, count: count)
            target.storeBytes(of: words, as: Words.self)
            let marks = marks(of: words, plainNUL: plainNUL)
            return marks == .zero ? count : min(count, firstMark(in: marks))
        }
        var done = 0
        if mostlyPlain {
            while done &+ 32 <= count {
                let first = source.loadUnaligned(fromByteOffset: done, as: Words.self)
                let second = source.loadUnaligned(fromByteOffset: done &+ 16, as: Words.self)
                target.storeBytes(of: first, toByteOffset: done, as: Words.self)
                target.storeBytes(of: second, toByteOffset: done &+ 16, as: Words.self)
                let marks = marks(of: first, plainNUL: plainNUL) | marks(of: second, plainNUL: plainNUL)
                if marks.x | marks.y != 0 { break }
                done &+= 32
            }
            if done == count { return count }
        }
        let last = count &- 16
        done = min(done, last)
        while true {
            let words = source.loadUnaligned(fromByteOffset: done, as: Words.self)
            target.storeBytes(of: words, toByteOffset: done, as: Words.self)
            let marks = marks(of: words, plainNUL: plainNUL)
            if marks != .zero { return done &+ firstMark(in: marks) }
            if done == last { return count }
            // The last sixteen bytes may overlap the ones before, which are plain.
            done = min(done &+ 16, last)
        }
    }

    /// Up to fifteen bytes, followed by zeros; no byte after them is read.
    @inline(__always)
    private static func short(_ source: UnsafeRawPointer, count: Int) -> Words {
        guard count >= 8 else { return Words(word(source, count: count), 0) }
        let end = source.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        return Words(
            source.loadUnaligned(as: UInt64.self),
            (UInt64(littleEndian: end) >> UInt64(8 &* (16 &- count))).littleEndian)
    }

    /// Up to seven bytes in their order in memory, followed by zeros.
    @inline(__always)
    private static func word(_ source: UnsafeRawPointer, count: Int) -> UInt64 {
        var word: UInt64 = 0
        if count >= 4 {
            let end = source.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            word = UInt64(UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)))
            word |= UInt64(UInt32(littleEndian: end)) << UInt64(8 &* (count &- 4))
        } else if count > 0 {
            for index in 0..<count {
                word |= UInt64(source.load(fromByteOffset: index, as: UInt8.self)) << UInt64(8 &* index)
            }
        }
        return word.littleEndian
    }

    /// A word is zero if all its bytes are plain; otherwise the lowest bit set is the top bit of the first one that is
    /// not. (Bytes after it may be marked wrongly, because a subtraction borrows.)
    @inline(__always)
    private static func marks(of words: Words, plainNUL: Bool) -> Words {
        let lineFeeds = words ^ Words(repeating: 0x0A0A_0A0A_0A0A_0A0A)
        let returns = words ^ Words(repeating: 0x0D0D_0D0D_0D0D_0D0D)
        let ones = Words(repeating: 0x0101_0101_0101_0101)
        var marks = ((lineFeeds &- ones) & ~lineFeeds) | ((returns &- ones) & ~returns) | words
        if !plainNUL { marks |= (words &- ones) & ~words }
        return marks & Words(repeating: 0x8080_8080_8080_8080)
    }

    @inline(__always)
    private static func firstMark(in marks: Words) -> Int {
        let low = UInt64(littleEndian: marks.x)
        return low != 0
            ? low.trailingZeroBitCount >> 3 : 8 &+ UInt64(littleEndian: marks.y).trailingZeroBitCount >> 3
    }
}
