import CSluice

/// What a stream was asked for with.
///
/// Path, method, address, id and body are copies. `query`, `header` and `config` ask the server, which answers until the request is
/// decided: until `init`, `events(for:)` or `open(_:)` has returned. What is needed later is to be kept.
public struct Request: Sendable {
    /// As sent, without the query.
    public let path: String
    /// "GET", or "POST" for a producer that takes a body.
    public let method: String
    /// The peer's address without port; `nil` for a shared stream, which belongs to nobody.
    public let remoteAddress: String?
    /// The id of the last event that a returning subscriber saw.
    public let lastEventID: String?
    /// The body of a POST; empty without one.
    public let body: [UInt8]
    /// The stream, to be woken or written of in the log; good for ever.
    public let stream: StreamHandle

    init(_ stream: OpaquePointer) {
        let host = Host.table.pointee
        path = String(lent: host.path(stream)) ?? ""
        method = String(lent: host.method(stream)) ?? "GET"
        remoteAddress = String(lent: host.remote_address(stream))
        lastEventID = String(lent: host.last_event_id(stream))
        var length = 0
        let bytes = host.body(stream, &length)
        body = Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : length))
        self.stream = StreamHandle(stream)
    }

    /// The first value of that name in the query.
    public func query(_ name: String) -> String? { String(lent: Host.table.pointee.query(stream.raw, name)) }

    /// A header, its name in any case; several of one name are joined with ", ".
    public func header(_ name: String) -> String? { String(lent: Host.table.pointee.header(stream.raw, name)) }

    /// The value of a key in the operator's configuration for this producer.
    public func config(_ key: String) -> String? { String(lent: Host.table.pointee.config(stream.raw, key)) }

    /// Sets a header of the response, be it a stream or a refusal. The same name again replaces the value; only WWW-Authenticate and
    /// Set-Cookie are added once more.
    /// - Returns: `false` for one that HTTP or the server forbids, which the log then names.
    @discardableResult public func setResponseHeader(_ name: String, _ value: String) -> Bool {
        Host.table.pointee.set_header(stream.raw, name, value)
    }

    public var log: Log { Log(stream.raw) }
}

/// Names a stream for ever: used after it is over, it does nothing, and the log says so.
public struct StreamHandle: Sendable, Hashable {
    // A handle is a number that the server gives out; nobody looks where it points.
    private let number: UInt

    init(_ stream: OpaquePointer) { number = UInt(bitPattern: stream) }

    var raw: OpaquePointer { OpaquePointer(bitPattern: number).unsafelyUnwrapped }

    /// Asks a `PollingProducer` for its next event soon. Cheap, from any thread; many calls become one.
    public func wake() { Host.table.pointee.wake(raw) }
}

/// The server's log.
public struct Log: Sendable {
    private let stream: StreamHandle?

    init(_ stream: OpaquePointer?) { self.stream = stream.map(StreamHandle.init) }

    /// Of the plugin as a whole; a stream's own is `Request.log`.
    public static let plugin = Log(nil)

    public func debug(_ message: String) { write(message, SLUICE_LOG_DEBUG) }
    public func info(_ message: String) { write(message, SLUICE_LOG_INFO) }
    public func warning(_ message: String) { write(message, SLUICE_LOG_WARNING) }
    public func error(_ message: String) { write(message, SLUICE_LOG_ERROR) }

    private func write(_ message: String, _ level: Int) { Host.log(message, level: level, stream: stream?.raw) }
}
