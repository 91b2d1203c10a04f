import NIOCore
import NIOHTTP1

/// A request's body as it arrives: counted always, kept only if somebody wants it.
struct RequestBody {
    var isKept = false
    var pace: BodyPace
    private(set) var count = 0
    private var buffer: ByteBuffer?

    /// The length that its head gave, if it did.
    private let length: Int?
    private var chunks = ChunkScan()

    init(of head: HTTPRequestHead? = nil, pace: BodyPace = BodyPace()) {
        self.pace = pace
        length = head?.headers.first(name: "content-length").flatMap { Int($0) }
    }

    /// - Returns: how many of these bytes, which come next, belong to the body.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let length else { return chunks.take(bytes) }
        return count < length ? min(bytes.count, length - count) : bytes.count
    }

    /// Of a body in chunks: the bytes around its data, beyond those that each byte may need.
    var excessFraming: Int { chunks.excess }

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

    /// The length that a head announces; 1 for a body of unknown length, 0 for none. What is ambiguous was refused
    /// before.
    static func announced(by head: HTTPRequestHead) -> Int {
        if let length = head.headers.first(name: "content-length") { return Int(length) ?? .max }
        return head.headers.contains(name: "transfer-encoding") ? 1 : 0
    }
}
