import NIOCore
import NIOHTTP1

/// A request's body as it arrives: always counted, kept only if a producer takes it.
struct RequestBody {
    var isKept = false
    var pace: BodyPace
    private(set) var count = 0
    /// What has arrived, if it is kept.
    private(set) var bytes: [UInt8] = []
    /// The memory that is reserved for `bytes`.
    private(set) var heldBytes = 0

    /// The length that the head announced, if it did.
    private let length: Int?
    private var chunks = ChunkScan()

    init(of head: HTTPRequestHead? = nil, pace: BodyPace = BodyPace()) {
        self.pace = pace
        length = head?.headers.first(name: "content-length").flatMap { Int($0) }
    }

    /// - Returns: how many of the next bytes belong to the body.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let length else { return chunks.take(bytes) }
        return count < length ? min(bytes.count, length - count) : bytes.count
    }

    /// For a chunked body: the bytes around its data, beyond those that each byte of data may need.
    var excessFraming: Int { chunks.excess }

    /// What must be reserved in addition to `heldBytes` before this piece can be appended. The reserve doubles, so that
    /// growing costs little, but not beyond the announced length. It follows the bytes that have arrived, not the
    /// length that a head promises.
    func growth(for piece: ByteBuffer) -> Int {
        let needed = bytes.count + piece.readableBytes
        guard isKept, needed > heldBytes else { return 0 }
        return max(needed, min(max(2 * heldBytes, Self.firstReserve), length ?? .max)) - heldBytes
    }

    private static let firstReserve = 2048

    /// An upload that brings this much makes progress. Less only shows that the client is alive, which costs an
    /// attacker nothing.
    static let progressBytes = 64 * 1024

    /// - Parameter growth: the result of `growth(for:)`.
    /// - Returns: whether another `progressBytes` are complete with this piece.
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

    /// The length that a head announces; 1 for a body of unknown length, 0 for none. Ambiguous heads were rejected
    /// before.
    static func announced(by head: HTTPRequestHead) -> Int {
        if let length = head.headers.first(name: "content-length") { return Int(length) ?? .max }
        return head.headers.contains(name: "transfer-encoding") ? 1 : 0
    }
}
