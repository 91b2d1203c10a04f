/// How the front door behaves. Every limit has a name, and every wait has an end.
package struct ServerSettings: Sendable {
    /// Where the server listens, at least one.
    package var listeners = [ListenSettings(host: "127.0.0.1", port: 8080)]
    /// Which pages may read streams of these producers, by name; for all others, the listener decides.
    package var crossOriginOfProducers: [String: CrossOriginPolicy] = [:]
    /// Which clients need a token, and for which of them.
    package var tokens = TokenRules()
    /// For producers that have rules of their own, by name.
    package var tokensOfProducers: [String: TokenRules] = [:]
    /// Who may name the client in headers, or in a PROXY header.
    package var proxies = TrustedProxies()
    /// Which responses get a line in the log.
    package var accessLog = AccessLog.Choice.errors
    /// All routes and pages are below this path: "/events". Empty: below none.
    package var basePath = ""
    /// Connections that the kernel may complete before they are accepted.
    package var backlog = 4096
    /// `SO_SNDBUF` of every connection, which the kernel doubles; `nil`: the kernel adjusts it.
    package var sendBufferBytes: Int?
    /// Threads that accept connections and speak HTTP. They do not serve streams.
    package var threads = 1

    /// The most connections that the front door has at a time, not counting streams. A further one takes the place of
    /// the one that has waited longest for its client. If none waits, the new one waits in the backlog.
    package var maxConnections = 4096
    /// The most requests that wait for one producer's `open` to answer; a further one is turned away. The others keep
    /// the rest of `maxConnections`.
    package var maxPendingOpens = 2048
    /// The size of request line and headers, with their line ends; a larger head gets 431.
    package var maxHeadBytes = 16 * 1024
    /// A head with more headers gets 431.
    package var maxHeaderCount = 100
    /// A larger body gets 413.
    package var maxBodyBytes = 1024 * 1024
    /// The memory of all bodies that have not arrived in full. A request beyond it is turned away.
    package var maxArrivingBytes = 64 * 1024 * 1024
    /// When `maxArrivingBytes` are used up, an upload that has brought less than `RequestBody.progressBytes` for this
    /// long makes room for others.
    package var uploadPatience: Duration = .seconds(5)

    /// From the first byte of a request's head to its last; also from accepting a connection to its first byte.
    package var headTimeout: Duration = .seconds(10)
    /// How long a body may pause, at any point.
    package var bodyTimeout: Duration = .seconds(30)
    /// The lowest average rate of a body, from the end of its head and not counting its longest pause, once `bodyGrace`
    /// is over. 0: any rate is accepted.
    package var minBodyBytesPerSecond = 240
    package var bodyGrace: Duration = .seconds(10)
    /// Between the end of a response and the next request.
    package var idleTimeout: Duration = .seconds(60)
    /// How long one of the server's own pages may take to be made.
    package var pageTimeout: Duration = .seconds(30)
    /// How long a client may take to read the responses before its stream, or the last frames of a stream on a channel.
    package var flushTimeout: Duration = .seconds(30)
    /// How long a connection waits, after its last response, for the client to end its side. Closing at once could
    /// destroy the response on its way: bytes that arrive at a closed socket make it reset the connection.
    package var lingerTimeout: Duration = .seconds(2)

    /// How long a stream may take to open before the kernel is asked to check that its peer is still there. Nothing is
    /// sent meanwhile, so a peer that vanished silently would not be noticed.
    package var probeAfter: Duration = .seconds(15)

    /// When clients that were turned away should reconnect; random within this range, so that they do not all come
    /// together.
    package var retryAfter: ClosedRange<Duration> = .seconds(5)...(.seconds(15))

    /// `false` keeps streams in NIO channels, as under TLS; for tests.
    package var allowsHandOver = true

    package init() {}
}
