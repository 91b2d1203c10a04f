import CLinux
import Files
import Glibc
package import Logging
import NIOCore
import NIOPosix
package import StreamRuntime
import Synchronization

/// The front door: listens, speaks HTTP/1.x, and hands every connection that requests a stream over to the runtime.
package final class Server: Sendable {
    private let settings: ServerSettings
    private let pages: PageTable
    private let opener: any StreamOpener
    private let logger: Logger
    private let counts: ConnectionCounts
    private let arriving: ArrivingBytes
    private let pending: PendingOpens
    private let state = Mutex(State())

    private struct State {
        var group: MultiThreadedEventLoopGroup?
        var listeners: [any Channel] = []
        /// Removed when the server stops listening.
        var files: [SocketFile] = []
        var loops: [NIOLoopBound<LoopConnections>] = []
    }

    /// - Parameter pages: the server's own pages, for paths that are no producer's route.
    package init(
        _ settings: ServerSettings, pages: PageTable = PageTable(), opener: any StreamOpener, logger: Logger
    ) {
        precondition(!settings.listeners.isEmpty, "a server listens somewhere")
        self.settings = settings
        self.pages = pages
        self.opener = opener
        self.logger = logger
        counts = ConnectionCounts(limit: settings.maxConnections)
        arriving = ArrivingBytes(limit: settings.maxArrivingBytes)
        pending = PendingOpens(limit: settings.maxPendingOpens)
    }

    /// Replaces limits and times while the server runs. The listeners, the number of threads and the options of sockets
    /// stay as they were.
    package func replaceSettings(_ settings: ServerSettings) {
        counts.replaceLimit(settings.maxConnections)
        arriving.replaceLimit(settings.maxArrivingBytes)
        pending.replaceLimit(settings.maxPendingOpens)
        for loop in state.withLock(\.loops) { loop.onLoop { $0.replaceSettings(settings) } }
    }

    /// Connections that the front door has now, without those that became streams.
    package var connectionCount: Int { counts.count }

    /// Connections that were closed to make room for new ones since the start.
    package var madeRoomCount: Int { counts.madeRoomCount }

    /// The memory of bodies that have not arrived in full, in bytes.
    package var arrivingBytes: Int { arriving.count }

    /// Subscribers that were turned away since the start, because a limit was reached, or their producer or the server
    /// was about to go: by the limit's name, or another fixed word.
    package var turnedAway: [String: Int] { counts.turnedAway }

    /// Requests that were refused since the start, by kind: because of their host, the origin of the page that asked,
    /// their token, a claim in it, or their PROXY header.
    package var refused: [String: Int] { counts.refused }

    /// Begins to listen, on all listeners or on none; once.
    /// - Returns: the addresses, in the order of the settings, with the ports that the system has chosen.
    /// - Throws: why it cannot listen.
    package func start() async throws(ServerError) -> [ServerAddress] {
        let sockets = try ListeningSocket.open(settings.listeners, backlog: settings.backlog)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings.threads))
        EventPolls.closeOnExec()
        var listeners: [any Channel] = []
        do {
            let loops = try await makeLoops(of: group)
            for (listener, socket) in sockets {
                let entrance = Entrance(
                    listener: listener, isLoopback: socket.isLoopback,
                    expectsProxyHeader: settings.listeners[listener].expectsProxyHeader,
                    isUnix: socket.address.port == nil)
                let channel = try await bootstrap(settings.listeners[listener].scheme, entrance, group, loops)
                    .withBoundSocket(socket.descriptor).get()
                listeners.append(channel)
                // NIO has made the backlog shorter.
                listen(socket.descriptor, Int32(clamping: settings.backlog))
            }
            counts.afterBursts { [counts] in Self.giveBackMemory(counts, on: group.next()) }
            state.withLock { [listeners] state in
                state.group = group
                state.listeners = listeners
                state.files = sockets.compactMap(\.socket.file)
                state.loops = Array(loops.values)
            }
            return sockets.map(\.socket.address)
        } catch {
            // Listeners that are open already close with their threads.
            try? await group.shutdownGracefully()
            for (_, socket) in sockets { socket.file?.remove() }
            for (_, socket) in sockets[listeners.count...] { socket.close() }
            throw ServerError(on: settings.listeners[sockets[listeners.count].listener], "\(error)")
        }
    }

    private func makeLoops(
        of group: MultiThreadedEventLoopGroup
    ) async throws -> [ObjectIdentifier: NIOLoopBound<LoopConnections>] {
        var loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>] = [:]
        for loop in group.makeIterator() {
            loops[ObjectIdentifier(loop)] = try await loop.submit {
                [settings, pages, opener, counts, arriving, pending, logger] in
                NIOLoopBound(
                    LoopConnections(
                        settings, pages: pages, opener: opener, counts: counts, arriving: arriving, pending: pending,
                        logger: logger,
                        on: loop),
                    eventLoop: loop)
            }.get()
        }
        return loops
    }

    private func bootstrap(
        _ scheme: ServerAddress.Scheme, _ entrance: Entrance, _ group: MultiThreadedEventLoopGroup,
        _ loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>]
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelInitializer { [counts, settings, logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    SocketOptions.prepareListening(channel, sendBufferBytes: settings.sendBufferBytes)
                    try channel.pipeline.syncOperations.addHandler(AcceptGate(counts, logger: logger))
                    switch scheme {
                    case .http: try channel.pipeline.syncOperations.addHandler(Reception(loops, at: entrance))
                    }
                }
            }
    }

    /// A connection takes some kilobytes while the front door has it. After a burst, the allocator keeps that memory,
    /// because small parts of it are still in use. It is returned to the system when all is quiet, and only once per
    /// burst, because that locks the allocator's arenas, one after the other (malloc_trim(3)).
    private static func giveBackMemory(_ counts: ConnectionCounts, on loop: any EventLoop) {
        loop.scheduleTask(in: .seconds(1)) {
            if counts.count < ConnectionCounts.burst / 10 { malloc_trim(0) }
        }
    }

    /// Removes sockets in the file system, so that another server can listen there. For an end without `stop`.
    package func removeFiles() {
        for file in state.withLock({ $0.files }) { file.remove() }
    }

    /// Stops listening and closes the connections that wait for a request; every response from now on is its
    /// connection's last. Streams are not touched.
    package func stopAccepting() async {
        let (listeners, files, loops) = state.withLock { state in
            defer { (state.listeners, state.files) = ([], []) }
            return (state.listeners, state.files, state.loops)
        }
        // Then another server can listen there.
        for file in files { file.remove() }
        for loop in loops { try? await loop.eventLoop.submit { loop.value.doorstep.close() }.get() }
        for listener in listeners { try? await listener.close().get() }
        for loop in loops { loop.onLoop { $0.stop() } }
    }

    /// Lets the answers in flight finish, then ends the remaining connections and the threads.
    /// - Parameter limit: how long the answers may take.
    package func stop(within limit: Duration) async {
        await stopAccepting()
        await emptied(within: limit)
        counts.afterBursts(nil)
        let (group, loops) = state.withLock { state in
            defer { state.loops = [] }
            return (state.group.take(), state.loops)
        }
        for loop in loops { loop.onLoop { $0.closeAll() } }
        try? await group?.shutdownGracefully()
    }

    /// Waits until no connection is left, or the time is up.
    private func emptied(within limit: Duration) async {
        guard let loop = state.withLock({ $0.group })?.next() else { return }
        let done = loop.makePromise(of: Void.self)
        counts.whenEmpty { done.succeed() }
        let timer = loop.scheduleTask(in: TimeAmount(limit)) { done.succeed() }
        try? await done.futureResult.get()
        timer.cancel()
        counts.whenEmpty(nil)
    }
}

extension NIOLoopBound {
    /// Runs `body` with the value, on its loop, soon.
    fileprivate func onLoop(_ body: @escaping @Sendable (Value) -> Void) where Value: AnyObject {
        eventLoop.execute { body(self.value) }
    }
}
