import CSluice

/// The request that opened a stream.
///
/// Path, method, address, identity, ID and body are copies. `query`, `header` and `config`, and the claims of the
/// identity, ask the server, which answers only until `init`, `events(for:)` or `open(_:)` has returned. Keep what you
/// need later.
public struct Request: Sendable {
    /// The path as sent, without the query and the server's base path.
    public let path: String
    /// "GET", or "POST" for a producer that accepts a body.
    public let method: String
    /// The client's address without port, or as a trusted proxy says: "192.0.2.7", "2001:db8::7", or "unix:" for a
    /// program that came through a socket in the file system. `nil` for a shared stream, which belongs to no single
    /// subscriber.
    public let remoteAddress: String?
    /// Who asks. `nil` if the route asks for no token, for a shared stream, which belongs to no single subscriber, and
    /// on a server whose version of the interface is 1.0.
    public let identity: Identity?
    /// The ID of the last event that a reconnecting subscriber received.
    public let lastEventID: String?
    /// The body of a POST; empty without one.
    public let body: [UInt8]
    /// A handle to wake the stream or to log for it; it may be kept for ever.
    public let stream: StreamHandle

    init(_ stream: OpaquePointer) {
        // Not a copy of the table, as an older server's is shorter.
        let host: UnsafePointer<sluice_host> = Host.table
        path = String(lent: host.pointee.path(stream)) ?? ""
        method = String(lent: host.pointee.method(stream)) ?? "GET"
        remoteAddress = String(lent: host.pointee.remote_address(stream))
        lastEventID = String(lent: host.pointee.last_event_id(stream))
        var length = 0
        let bytes = host.pointee.body(stream, &length)
        body = Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : length))
        self.stream = StreamHandle(stream)
        identity = Identity(of: self.stream)
    }

    /// The first value of that name in the query.
    public func query(_ name: String) -> String? { String(lent: Host.table.pointee.query(stream.raw, name)) }

    /// A header; the name is case-insensitive. Several of one name are joined with ", ".
    public func header(_ name: String) -> String? { String(lent: Host.table.pointee.header(stream.raw, name)) }

    /// The value of a key in the operator's configuration for this producer.
    public func config(_ key: String) -> String? { String(lent: Host.table.pointee.config(stream.raw, key)) }

    /// Sets a header of the response, whether a stream or a refusal. Setting a name again replaces the value; only
    /// WWW-Authenticate and Set-Cookie are added.
    /// - Returns: `false` for a header that HTTP or the server forbids; the log names it.
    @discardableResult public func setResponseHeader(_ name: String, _ value: String) -> Bool {
        Host.table.pointee.set_header(stream.raw, name, value)
    }

    public var log: Log { Log(stream.raw) }
}

/// A handle of a stream, which may be kept for ever: after the stream is over, it does nothing, and the log says so.
public struct StreamHandle: Sendable, Hashable {
    // A handle is a number that the server gives out; nobody looks where it points.
    private let number: UInt

    init(_ stream: OpaquePointer) { number = UInt(bitPattern: stream) }

    var raw: OpaquePointer { OpaquePointer(bitPattern: number).unsafelyUnwrapped }

    /// Tells the server to ask a `PollingProducer` for its next event soon. Cheap, and allowed on any thread; many
    /// calls become one.
    public func wake() { Host.table.pointee.wake(raw) }
}

/// The server's log.
public struct Log: Sendable {
    private let stream: StreamHandle?

    init(_ stream: OpaquePointer?) { self.stream = stream.map(StreamHandle.init) }

    /// The log of the plugin as a whole; for a stream, use `Request.log`.
    public static let plugin = Log(nil)

    public func debug(_ message: String) { write(message, SLUICE_LOG_DEBUG) }
    public func info(_ message: String) { write(message, SLUICE_LOG_INFO) }
    public func warning(_ message: String) { write(message, SLUICE_LOG_WARNING) }
    public func error(_ message: String) { write(message, SLUICE_LOG_ERROR) }

    private func write(_ message: String, _ level: Int) { Host.log(message, level: level, stream: stream?.raw) }
}
