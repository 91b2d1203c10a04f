/// Finds where a chunked body ends, so that what follows it in the same read is treated as a head; and counts the bytes
/// around the data.
///
/// It only skips: the parser gets every byte, and rejects what is malformed.
struct ChunkScan {
    private enum State {
        case size(Int)
        /// After the size, with or without an extension.
        case sizeLine(Int)
        case data(Int)
        case dataEnd
        case trailers(isLineEmpty: Bool)
        /// Everything that follows is left to the parser.
        case over
    }

    private var state = State.size(0)
    /// The bytes of sizes, extensions and line ends; not of trailers, which have the parser's limit.
    private var framingCount = 0
    private var dataCount = 0

    /// How many bytes around the data exceed those of chunks that are small but legitimate.
    var excess: Int { framingCount - 16 * dataCount }

    /// - Returns: how many of the bytes belong to the body.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        var index = 0
        while index < bytes.count {
            if case .over = state { return bytes.count }
            if case .data(let missing) = state {
                let count = min(missing, bytes.count - index)
                index += count
                dataCount += count
                state = count == missing ? .dataEnd : .data(missing - count)
                continue
            }
            take(bytes[index])
            index += 1
            if case .over = state { return index }
        }
        return index
    }

    private mutating func take(_ byte: UInt8) {
        let isLineEnd = byte == UInt8(ascii: "\n")
        if case .trailers(let isLineEmpty) = state {
            if isLineEnd {
                state = isLineEmpty ? .over : .trailers(isLineEmpty: true)
            } else if byte != UInt8(ascii: "\r") {
                state = .trailers(isLineEmpty: false)
            }
            return
        }
        framingCount += 1
        switch state {
        case .size(let size), .sizeLine(let size):
            if isLineEnd {
                state = size == 0 ? .trailers(isLineEmpty: true) : .data(size)
            } else if case .size = state, let digit = Character(Unicode.Scalar(byte)).hexDigitValue {
                // The parser rejects a size that is too large for it.
                state = size >> 55 == 0 ? .size(size << 4 | digit) : .over
            } else {
                state = .sizeLine(size)
            }
        case .dataEnd: if isLineEnd { state = .size(0) }
        case .data, .trailers, .over: break
        }
    }
}
