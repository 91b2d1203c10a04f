/// Finds where a request's head ends and counts its bytes, so that the limit on it is exact however the bytes are
/// split.
///
/// It looks for an empty line, whether the first line has the shape of a request, and for what the parser rejects
/// though it is allowed; the rest is left to the parser.
struct HeadScan {
    /// The bytes of this head so far, up to the end of the last piece.
    private(set) var count = 0
    private(set) var requestLine = RequestLineScan()
    private var framingFields = FramingFields()
    /// Which of the last bytes must be replaced for the parser, and by what.
    private(set) var corrections: [(offset: Int, byte: UInt8)] = []
    private var lineIsEmpty = true
    private var hasSeenLine = false

    /// Takes the bytes that belong to the head.
    /// - Returns: how many they are: all, or those up to and including the empty line that ends it. Empty lines before
    ///   a head are part of it (RFC 9112 §2.2).
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        corrections.removeAll()
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if !requestLine.isOver {
                if requestLine.take(byte) { corrections.append((index, UInt8(ascii: "1"))) }
            } else if framingFields.take(byte) {
                corrections.append((index, UInt8(ascii: " ")))
            }
            index += 1
            if byte == UInt8(ascii: "\n") {
                if lineIsEmpty && hasSeenLine {
                    count += index
                    hasSeenLine = false
                    return index
                }
                lineIsEmpty = true
                framingFields.beginLine()
            } else if byte != UInt8(ascii: "\r") {
                lineIsEmpty = false
                hasSeenLine = true
            }
        }
        count += index
        return index
    }

    /// The next byte begins another head.
    mutating func reset() {
        self = HeadScan()
    }
}
