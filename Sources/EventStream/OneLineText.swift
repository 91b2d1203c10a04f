/// Writes text for a field of one line, such as `type` and `id`, straight into a frame.
package enum OneLineText {
    /// Line ends and NUL become blanks, each maximal part of ill-formed UTF-8 becomes U+FFFD.
    package static func write(_ bytes: UnsafeRawBufferPointer, to frames: inout FrameBuffer) {
        writeRuns(of: bytes, to: &frames) { buffer, byte in
            guard byte == 0x0A || byte == 0x0D || byte == 0 else { return false }
            buffer.append(byte: 0x20)
            return true
        }
    }

    /// Copies runs of plain text at once, and repairs ill-formed UTF-8.
    /// - Parameter replace: appends something in place of an ASCII byte, or returns `false`.
    @inline(__always)
    static func writeRuns(
        of bytes: UnsafeRawBufferPointer, to frames: inout FrameBuffer, _ replace: (inout FrameBuffer, UInt8) -> Bool
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
                frames.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
                if !replace(&frames, byte) { frames.append(byte: byte) }
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
            frames.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
            frames.append("\u{FFFD}")
            taken &+= UTF8Sequence.illFormedLength(word)
            runStart = taken
        }
        frames.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<taken]))
    }
}
