import Logging
import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// The front door's connections on one event loop, and what they share. Lives on that loop.
///
/// One timer serves them all. A timer for each would have to be cancelled at every hand-over, for which NIO walks over
/// all timers of the loop.
final class LoopConnections {
    private(set) var settings: ServerSettings
    let opener: any StreamOpener
    let counts: ConnectionCounts
    let arriving: ArrivingBytes
    let pending: PendingOpens
    private(set) var rules: RequestRules
    let logger: Logger
    let shedding: QuietLog
    let refusals: QuietLog
    private let foreignPages: QuietLog
    let producerResponses: ProducerResponses
    let evictions: QuietLog
    let access: AccessLog
    let carrier: ChannelCarrier
    var date = HTTPDate()
    /// The head of streams to which their producers add nothing, and the date in it.
    private var streamHead: (date: String, bytes: [UInt8]) = ("", [])
    private(set) lazy var doorstep = Doorstep(of: self, on: loop)
    /// Every response is its connection's last.
    private(set) var isStopping = false

    let loop: any EventLoop
    /// The connections that wait for their clients: for a request, for the rest of one, or for their end.
    var waiting = WaitingLine()
    /// The connections whose bodies are kept while they arrive.
    var uploads = WaitingLine()
    /// The number by which `counts` knows the loop.
    private(set) var thread = 0
    /// Iterations use it as it was when they began: connections leave it meanwhile.
    private var all: [ConnectionHandler] = []
    private var isTicking = false

    init(
        _ settings: ServerSettings, pages: PageTable = PageTable(), opener: any StreamOpener, counts: ConnectionCounts,
        arriving: ArrivingBytes, pending: PendingOpens, logger: Logger, on loop: any EventLoop
    ) {
        self.settings = settings
        self.opener = opener
        self.counts = counts
        self.arriving = arriving
        self.pending = pending
        self.logger = logger
        self.loop = loop
        carrier = ChannelCarrier(opener: opener, on: loop)
        rules = RequestRules(
            opener: opener, pages: pages, access: AccessRules(settings), basePath: settings.basePath)
        shedding = QuietLog(logger)
        refusals = QuietLog(logger)
        foreignPages = QuietLog(logger, every: .seconds(10))
        producerResponses = ProducerResponses(log: QuietLog(logger))
        evictions = QuietLog(logger)
        access = AccessLog(logger: logger)
        thread = joinCounts()
    }

    /// Applies to all requests, and to all waits that begin from now on.
    func replaceSettings(_ settings: ServerSettings) {
        self.settings = settings
        rules.access = AccessRules(settings)
    }

    /// Says in the log that a page may not read this response: in the browser, only its author sees why.
    func noteReader(of headers: [StreamRequest.Field], _ connection: ConnectionHandler) {
        guard let head = connection.request, let origin = AccessRules.origin(of: head),
            !CrossOriginHeaders(headers).allowsReading, AccessRules.isCrossOrigin(head, connection.arrival)
        else { return }
        foreignPages.warn(
            "a page of another origin can't read responses; cors-origins can allow it", ["origin": "\(origin)"])
    }

    /// The head of a stream without headers of its producer, over HTTP/1.1.
    func plainStreamHead() -> [UInt8] {
        let date = date.now()
        if date != streamHead.date {
            var bytes = ByteBuffer()
            StreamHead.eventStream(date: date).write(to: &bytes, isChunked: true)
            streamHead = (date, Array(bytes.readableBytesView))
        }
        return streamHead.bytes
    }

    func join(_ connection: ConnectionHandler) {
        connection.index = all.count
        all.append(connection)
        if isStopping { connection.stop() }
        guard !isTicking else { return }
        isTicking = true
        scheduleTick()
    }

    func leave(_ connection: ConnectionHandler) {
        guard let index = connection.index.take(), let last = all.popLast(), last !== connection else {
            return
        }
        all[index] = last
        last.index = index
    }

    /// Ends the connections that wait for a request; the others end with their response.
    func stop() {
        isStopping = true
        for connection in all { connection.stop() }
    }

    func closeAll() {
        for connection in all { connection.abort() }
    }

    /// Short enough that no wait ends later than by a quarter of the shortest.
    private var interval: TimeAmount {
        let shortest = min(
            settings.headTimeout, settings.bodyTimeout, settings.idleTimeout, settings.lingerTimeout,
            settings.flushTimeout, settings.probeAfter, .seconds(4))
        return max(TimeAmount(shortest / 4), .milliseconds(5))
    }

    private func scheduleTick() {
        let connections = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: interval) { connections.value.tick() }
    }

    private func tick() {
        let now = loop.now
        for connection in all where connection.deadline < now { connection.deadlinePassed() }
        if all.isEmpty { isTicking = false } else { scheduleTick() }
    }
}
