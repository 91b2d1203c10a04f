/// How a line begins: the field's name, a colon and one space, in one word that is stored at once.
struct LineStart {
    /// The bytes, the first one lowest.
    let word: UInt64
    let count: Int

    static var event: LineStart { LineStart(word: 0x20_3A74_6E65_7665, count: 7) }
    static var id: LineStart { LineStart(word: 0x203A_6469, count: 4) }
    static var retry: LineStart { LineStart(word: 0x20_3A79_7274_6572, count: 7) }
    static var comment: LineStart { LineStart(word: 0x203A, count: 2) }
    static var data: LineStart { LineStart(word: 0x203A_6174_6164, count: 6) }

    /// Overwrites up to eight bytes, and returns how many of them count.
    @inline(__always)
    func store(at target: UnsafeMutableRawPointer) -> Int {
        target.storeBytes(of: word.littleEndian, as: UInt64.self)
        return count
    }

    /// The same behind the LF that ends the line before.
    @inline(__always)
    func storeAfterLineFeed(at target: UnsafeMutableRawPointer) -> Int {
        target.storeBytes(of: (word << 8 | 0x0A).littleEndian, as: UInt64.self)
        return count &+ 1
    }
}

extension FrameBuffer {
    /// What a line needs beside its text: its start, its LF, and what `PlainText` and `LineStart` may overwrite.
    private static var lineRoom: Int { 8 + 1 + PlainText.slack }

    /// Appends the data: each line of the text, ended by CR, LF or CRLF, becomes a line of the field. Nearly every event comes
    /// by here, and most have no other field, so this one is inlined.
    @inline(__always)
    mutating func appendData(_ text: UnsafeRawBufferPointer) throws(EncodingFault) {
        try appendField(.data, text, of: .data, splits: true)
    }

    /// Appends the comment, split as the data is.
    mutating func appendComment(_ text: UnsafeRawBufferPointer) throws(EncodingFault) {
        try appendField(.comment, text, of: .comment, splits: true)
    }

    /// Appends a field of one line, which holds neither line ends nor NUL.
    mutating func appendLine(
        _ start: LineStart, _ text: UnsafeRawBufferPointer, of field: EncodingFault.Field
    ) throws(EncodingFault) {
        try appendField(start, text, of: field, splits: false)
    }

    mutating func appendLine(_ start: LineStart, number: Int64) {
        var target = reserve(Self.lineRoom + 20)
        target += start.store(at: target)
        var rest = number.magnitude
        var digits = 1
        var power: UInt64 = 10
        while rest >= power {
            digits += 1
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            if overflow { break }
            power = next
        }
        for index in stride(from: digits - 1, through: 0, by: -1) {
            target.storeBytes(of: 0x30 + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
        target.storeBytes(of: 0x0A, toByteOffset: digits, as: UInt8.self)
        commit(start.count + digits + 1)
    }

    /// Ends the frame.
    @inline(__always)
    mutating func appendBlankLine() {
        reserve(1).storeBytes(of: 0x0A, as: UInt8.self)
        commit(1)
    }

    /// One pass that checks, finds line ends and copies. On a fault, part of the field has been appended.
    @inline(__always)
    private mutating func appendField(
        _ start: LineStart, _ text: UnsafeRawBufferPointer, of field: EncodingFault.Field, splits: Bool
    ) throws(EncodingFault) {
        let length = text.count
        var target = reserve(length &+ Self.lineRoom)
        var written = start.store(at: target)
        guard length > 0, let source = text.baseAddress else {
            target.storeBytes(of: 0x0A, toByteOffset: written, as: UInt8.self)
            return commit(written &+ 1)
        }
        var taken = PlainText.copy(source, to: target + written, count: length, plainNUL: splits, mostlyPlain: true)
        written &+= taken
        while taken < length {
            let byte = source.load(fromByteOffset: taken, as: UInt8.self)
            if byte >= 0x80 {
                repeat {
                    let word = UTF8Sequence.word(source + taken, available: length &- taken)
                    let count = UTF8Sequence.length(word)
                    guard count > 0 else { throw .invalidUTF8(field, offset: taken) }
                    target.storeBytes(of: word.littleEndian, toByteOffset: written, as: UInt32.self)
                    taken &+= count
                    written &+= count
                } while taken < length && source.load(fromByteOffset: taken, as: UInt8.self) >= 0x80
            } else if splits {
                taken &+= 1
                if byte == 0x0D, taken < length, source.load(fromByteOffset: taken, as: UInt8.self) == 0x0A {
                    taken &+= 1
                }
                commit(written)
                target = reserve(length &- taken &+ Self.lineRoom)
                written = start.storeAfterLineFeed(at: target)
            } else {
                throw byte == 0 ? .nul(field) : .newline(field)
            }
            let plain = PlainText.copy(
                source + taken, to: target + written, count: length &- taken, plainNUL: splits, mostlyPlain: false)
            taken &+= plain
            written &+= plain
        }
        target.storeBytes(of: 0x0A, toByteOffset: written, as: UInt8.self)
        commit(written &+ 1)
    }
}
