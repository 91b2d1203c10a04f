import NIOCore
import NIOHTTP1

/// A request's body as it arrives: always counted, kept only if a producer takes it.
struct RequestBody {
    var isKept = false
    var pace: BodyPace
    private(set) var count = 0
    /// What has come, if it is kept.
    private(set) var bytes: [UInt8] = []
    /// What is reserved for them.
    private(set) var heldBytes = 0

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

    /// What must be reserved beside `heldBytes` before this piece can be appended. It doubles, so that growing costs
    /// little, but to no more than the length that was announced: only what has come may be counted, not what a head
    /// promises.
    func growth(for piece: ByteBuffer) -> Int {
        let needed = bytes.count + piece.readableBytes
        guard isKept, needed > heldBytes else { return 0 }
        return max(needed, min(max(2 * heldBytes, Self.firstReserve), length ?? .max)) - heldBytes
    }

    private static let firstReserve = 2048

    /// An upload that brings this much makes progress. Less is a sign of life, which costs a hostile client nothing.
    static let progressBytes = 64 * 1024

    /// - Parameter growth: as `growth(for:)` has said.
    /// - Returns: whether this completes further `progressBytes`.
    mutating func append(_ piece: ByteBuffer, growingBy growth: Int) -> Bool {
        let before = count / Self.progressBytes
        count += piece.readableBytes
        if isKept {
            if growth > 0 {
                heldBytes += growth
                bytes.reserveCapacity(heldBytes)
            }
            piece.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
        }
        return count / Self.progressBytes > before
    }

    /// The length that a head announces; 1 for a body of unknown length, 0 for none. What is ambiguous was refused
    /// before.
    static func announced(by head: HTTPRequestHead) -> Int {
        if let length = head.headers.first(name: "content-length") { return Int(length) ?? .max }
        return head.headers.contains(name: "transfer-encoding") ? 1 : 0
    }
}
