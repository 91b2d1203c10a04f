import ProducerInterface

/// What is needed to continue a stream in another generation of its producer: the request, and the last id that the
/// stream gave.
///
/// Only streams that can be continued have one: it takes some hundred bytes, plus the body and the claims of a token if
/// there are any, for as long as the stream lives. The total is limited.
final class Resumption {
    private let request: KeptRequest
    private let counts: StreamCounts
    private var lastID: [UInt8] = []
    /// `lastID` is the producer's.
    private(set) var hasGivenID = false
    /// Nothing was produced since the request, so the request says exactly where to begin.
    private(set) var isAtBeginning = true
    /// What `save` handed to the current stream; kept until its first event, as it may have to be reopened.
    var saved: [UInt8]?

    /// - Returns: `nil` if there is no room for the request.
    init?(_ request: StreamRequest, in counts: StreamCounts) {
        let kept = KeptRequest(request)
        guard counts.takeKeptBytes(kept.byteCount) else { return nil }
        self.request = kept
        self.counts = counts
    }

    deinit { counts.freeKeptBytes(request.byteCount) }

    /// Notes that frames were produced.
    /// - Parameter id: the newest id among them, if they have any.
    func note(_ id: UnsafeRawBufferPointer?) {
        isAtBeginning = false
        saved = nil
        guard let id else { return }
        lastID.removeAll(keepingCapacity: true)
        lastID.append(contentsOf: id)
        hasGivenID = true
    }

    /// The request as the subscriber would make it if it reconnected now. If the producer has given no id yet, it
    /// contains the subscriber's own id: the producer is given the same again.
    var current: StreamRequest {
        var request = request.unpacked
        // An empty id resets the subscriber's.
        if hasGivenID { request.lastEventID = lastID.isEmpty ? nil : String(decoding: lastID, as: UTF8.self) }
        return request
    }
}

/// A request in one piece of memory: its texts one after the other, each preceded by its length.
struct KeptRequest {
    private let bytes: [UInt8]
    private let parameters: any ResolvedParameters

    var byteCount: Int { bytes.count }

    init(_ request: StreamRequest) {
        var writer = Writer()
        writer.write(request.method)
        writer.write(request.path)
        writer.write(request.remoteAddress)
        writer.write(request.lastEventID == nil ? "" : "1")
        writer.write(request.lastEventID ?? "")
        writer.write(request.body)
        writer.write(request.query)
        writer.write(request.headers)
        writer.write(request.identity)
        // A copy of the exact size: an array that grew has spare capacity.
        bytes = Array(unsafeUninitializedCapacity: writer.bytes.count) { memory, count in
            count = memory.initialize(fromContentsOf: writer.bytes)
        }
        parameters = request.parameters
    }

    var unpacked: StreamRequest {
        var reader = Reader(bytes: bytes)
        let (method, path, remoteAddress) = (reader.text(), reader.text(), reader.text())
        let hasID = !reader.text().isEmpty
        let id = reader.text()
        let body = reader.block()
        let (query, headers) = (reader.fields(), reader.fields())
        var request = StreamRequest(
            method: method, path: path, query: query, headers: headers, remoteAddress: remoteAddress,
            lastEventID: hasID ? id : nil, body: Array(body), parameters: parameters)
        request.identity = reader.identity()
        return request
    }

    private struct Writer {
        var bytes: [UInt8] = []

        mutating func write(_ number: Int) {
            withUnsafeBytes(of: UInt32(number).littleEndian) { bytes.append(contentsOf: $0) }
        }

        mutating func write(_ block: some Collection<UInt8>) {
            write(block.count)
            bytes.append(contentsOf: block)
        }

        mutating func write(_ text: String) { write(text.utf8) }

        mutating func write(_ fields: [StreamRequest.Field]) {
            write(fields.count)
            for field in fields {
                write(field.name)
                write(field.value)
            }
        }

        mutating func write(_ identity: ClientIdentity?) {
            write(identity == nil ? "" : "1")
            guard let identity else { return }
            write(identity.subject)
            write(identity.claims.map { StreamRequest.Field($0.key, $0.value) })
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0

        mutating func number() -> Int {
            defer { place += 4 }
            return Int(
                bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
            )
        }

        mutating func block() -> ArraySlice<UInt8> {
            let count = number()
            defer { place += count }
            return bytes[place..<place + count]
        }

        mutating func text() -> String { String(decoding: block(), as: UTF8.self) }

        mutating func fields() -> [StreamRequest.Field] {
            (0..<number()).map { _ in
                let name = text()
                return StreamRequest.Field(name, text())
            }
        }

        mutating func identity() -> ClientIdentity? {
            guard !text().isEmpty else { return nil }
            let subject = text()
            let claims = fields().map { ($0.name, $0.value) }
            return ClientIdentity(subject: subject, claims: Dictionary(uniqueKeysWithValues: claims))
        }
    }
}
