import NIOCore
import NIOHTTP1

/// A request's body as it arrives: counted always, kept only if somebody wants it.
struct RequestBody {
    var isKept = false
    private(set) var count = 0
    private var buffer: ByteBuffer?

    var bytes: [UInt8] { buffer.map { Array($0.readableBytesView) } ?? [] }

    mutating func append(_ piece: ByteBuffer) {
        count += piece.readableBytes
        guard isKept else { return }
        if buffer == nil {
            buffer = piece
        } else {
            buffer?.writeImmutableBuffer(piece)
        }
    }

    /// The length that a head announces; 1 for a body of unknown length, 0 for none. The parser has refused what is
    /// ambiguous.
    static func announced(by head: HTTPRequestHead) -> Int {
        if let length = head.headers.first(name: "content-length") { return Int(length) ?? .max }
        return head.headers.contains(name: "transfer-encoding") ? 1 : 0
    }
}
