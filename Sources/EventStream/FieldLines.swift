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

    /// The same, after the LF that ends the previous line.
    @inline(__always)
    func storeAfterLineFeed(at target: UnsafeMutableRawPointer) -> Int {
        target.storeBytes(of: (word << 8 | 0x0A).littleEndian, as: UInt64.self)
        return count &+ 1
    }
}

/// Writes the lines of an event's fields into a frame.
enum FieldLines {
    /// What a line needs besides its text: its start, its LF, and what `PlainText` and `LineStart` may overwrite.
    private static var lineRoom: Int { 8 + 1 + PlainText.slack }

    /// Writes the data: each line of the text, ended by CR, LF or CRLF, becomes a line of the field. Inlined, because
    /// nearly every event has data, and most have nothing else.
    @inline(__always)
    static func writeData(
        _ text: UnsafeRawBufferPointer, to frames: inout FrameBuffer
    ) throws(EncodingFault) {
        try writeField(.data, text, of: .data, splits: true, to: &frames)
    }

    /// Writes the comment, split like the data.
    static func writeComment(
        _ text: UnsafeRawBufferPointer, to frames: inout FrameBuffer
    ) throws(EncodingFault) {
        try writeField(.comment, text, of: .comment, splits: true, to: &frames)
    }

    /// Writes a field of one line, which must contain neither a line end nor NUL.
    static func writeLine(
        _ start: LineStart, _ text: UnsafeRawBufferPointer, of field: EncodingFault.Field, to frames: inout FrameBuffer
    ) throws(EncodingFault) {
        try writeField(start, text, of: field, splits: false, to: &frames)
    }

    static func writeLine(_ start: LineStart, number: Int64, to frames: inout FrameBuffer) {
        var target = frames.reserve(lineRoom + 20)
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
        frames.commit(start.count + digits + 1)
    }

    /// Ends the frame.
    @inline(__always)
    static func writeBlankLine(to frames: inout FrameBuffer) {
        frames.reserve(1).storeBytes(of: 0x0A, as: UInt8.self)
        frames.commit(1)
    }

    /// Checks, finds line ends and copies in one pass. On a fault, part of the field has been written.
    @inline(__always)
    private static func writeField(
        _ start: LineStart, _ text: UnsafeRawBufferPointer, of field: EncodingFault.Field, splits: Bool,
        to frames: inout FrameBuffer
    ) throws(EncodingFault) {
        let length = text.count
        var target = frames.reserve(length &+ lineRoom)
        var written = start.store(at: target)
        guard length > 0, let source = text.baseAddress else {
            target.storeBytes(of: 0x0A, toByteOffset: written, as: UInt8.self)
            return frames.commit(written &+ 1)
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
                frames.commit(written)
                target = frames.reserve(length &- taken &+ lineRoom)
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
        frames.commit(written &+ 1)
    }

    /// Writes a line whose text `write` appends; none if it returns `false`.
    /// - Returns: the length of the text.
    static func writeLine(
        _ start: LineStart, to frames: inout FrameBuffer, _ write: (inout FrameBuffer) -> Bool
    ) -> Int? {
        let before = frames.count
        let lineStart = start.store(at: frames.reserve(8))
        frames.commit(lineStart)
        guard write(&frames) else {
            frames.truncate(to: before)
            return nil
        }
        let length = frames.count - before - lineStart
        frames.append(byte: 0x0A)
        return length
    }
}
