/// Parses a chunked body of an HTTP/1.1 message (RFC 9112, section 7.1), in pieces of any size.
package struct ChunkDecoder: Sendable {
    /// The last chunk has arrived, with the empty trailer.
    package private(set) var isComplete = false
    /// There was an invalid chunk, or data after the last one.
    package private(set) var isMalformed = false
    private var pending: [UInt8] = []

    package init() {}

    /// Parses the next bytes.
    /// - Returns: the contents of the chunks that they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
        pending += bytes
        var chunks: [[UInt8]] = []
        var start = 0
        while !isComplete, !isMalformed, let lineEnd = pending[start...].firstIndex(of: 0x0A) {
            let digits = String(decoding: pending[start..<max(start, lineEnd - 1)], as: UTF8.self)
            guard pending[max(start, lineEnd - 1)] == 0x0D, let size = Int(digits, radix: 16), size >= 0 else {
                isMalformed = true
                break
            }
            let end = lineEnd + 1 + size
            guard pending.count >= end + 2 else { break }
            if pending[end] != 0x0D || pending[end + 1] != 0x0A { isMalformed = true }
            if size == 0 { isComplete = true } else { chunks.append(Array(pending[(lineEnd + 1)..<end])) }
            start = end + 2
        }
        pending.removeFirst(start)
        if isComplete, !pending.isEmpty { isMalformed = true }
        return chunks
    }
}
