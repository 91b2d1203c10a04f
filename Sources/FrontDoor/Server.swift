import CLinux
package import Logging
import NIOCore
import NIOPosix
package import StreamRuntime
import Synchronization

/// The front door: listens, speaks HTTP/1.x, and hands every connection that asks for a stream to the runtime.
package final class Server: Sendable {
    private let settings: ServerSettings
    private let opener: any StreamOpener
    private let logger: Logger
    private let population: Population
    private let arriving: ArrivingBytes
    private let state = Mutex(State())

    private struct State {
        var group: MultiThreadedEventLoopGroup?
        var listener: (any Channel)?
        var rosters: [NIOLoopBound<ConnectionRoster>] = []
    }

    package init(_ settings: ServerSettings, opener: any StreamOpener, logger: Logger) {
        self.settings = settings
        self.opener = opener
        self.logger = logger
        population = Population(limit: settings.maxConnections)
        arriving = ArrivingBytes(limit: settings.maxArrivingBytes)
    }

    /// Takes over other limits and times while it serves. Where it listens, on how many threads, and how its sockets are made, stays.
    package func replaceSettings(_ settings: ServerSettings) {
        population.replaceLimit(settings.maxConnections)
        arriving.replaceLimit(settings.maxArrivingBytes)
        for roster in state.withLock(\.rosters) { roster.onLoop { $0.replaceSettings(settings) } }
    }

    /// Connections that the front door has now; those that became streams are not among them.
    package var connectionCount: Int { population.count }

    /// Connections that made room for newcomers since the start.
    package var madeRoomCount: Int { population.madeRoomCount }

    /// What the bodies take that have not arrived in full.
    package var arrivingBytes: Int { arriving.count }

    /// Subscribers that were turned away since the start: a limit was reached, or their producer is about to go.
    package var turnedAwayCount: Int { population.turnedAwayCount }

    /// Begins to listen; once.
    /// - Throws: why that is impossible.
    package func start() async throws(ServerError) -> BoundAddress {
        guard 0...65535 ~= settings.port else {
            throw ServerError(host: settings.host, port: settings.port, "a port is a number from 0 to 65535")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings.threads))
        EventPolls.closeOnExec()
        do {
            var rosters: [ObjectIdentifier: NIOLoopBound<ConnectionRoster>] = [:]
            for loop in group.makeIterator() {
                rosters[ObjectIdentifier(loop)] = try await loop.submit {
                    [settings, opener, population, arriving, logger] in
                    NIOLoopBound(
                        ConnectionRoster(
                            settings, opener: opener, population: population, arriving: arriving, logger: logger,
                            on: loop),
                        eventLoop: loop)
                }.get()
            }
            let listener = try await bootstrap(group, rosters).bind(host: settings.host, port: settings.port).get()
            population.afterBursts { [population] in Self.giveBackMemory(population, on: group.next()) }
            state.withLock { state in
                state.group = group
                state.listener = listener
                state.rosters = Array(rosters.values)
            }
            return BoundAddress(
                host: listener.localAddress?.ipAddress ?? settings.host,
                port: listener.localAddress?.port ?? settings.port)
        } catch {
            try? await group.shutdownGracefully()
            throw ServerError(error, host: settings.host, port: settings.port)
        }
    }

    private func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ rosters: [ObjectIdentifier: NIOLoopBound<ConnectionRoster>]
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Int32(clamping: settings.backlog))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [population, settings, logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    SocketOptions.prepareListening(channel, sendBufferBytes: settings.sendBufferBytes)
                    try channel.pipeline.syncOperations.addHandler(AcceptGate(population, logger: logger))
                    try channel.pipeline.syncOperations.addHandler(Reception(rosters))
                }
            }
    }

    /// A connection takes some kilobytes while the front door has it, and the allocator keeps what a burst of them has left between
    /// the little that stays. Goes back to the system when all is quiet, once for a burst: it locks the allocator's arenas, one
    /// after the other (malloc_trim(3)).
    private static func giveBackMemory(_ population: Population, on loop: any EventLoop) {
        loop.scheduleTask(in: .seconds(1)) {
            if population.count < Population.burst / 10 { malloc_trim(0) }
        }
    }

    /// Stops listening and lets go of the connections that wait for a request; every response from now on is its
    /// connection's last. Streams are not touched.
    package func stopAccepting() async {
        let (listener, rosters) = state.withLock { ($0.listener.take(), $0.rosters) }
        for roster in rosters { try? await roster.eventLoop.submit { roster.value.doorstep.close() }.get() }
        try? await listener?.close().get()
        for roster in rosters { roster.onLoop { $0.stop() } }
    }

    /// Lets the answers in flight finish, then ends whatever is left and the threads.
    /// - Parameter limit: how long the answers may take.
    package func stop(within limit: Duration) async {
        await stopAccepting()
        await emptied(within: limit)
        population.afterBursts(nil)
        let (group, rosters) = state.withLock { state in
            defer { state.rosters = [] }
            return (state.group.take(), state.rosters)
        }
        for roster in rosters { roster.onLoop { $0.closeAll() } }
        try? await group?.shutdownGracefully()
    }

    /// Waits until no connection is left, or the time is up.
    private func emptied(within limit: Duration) async {
        guard let loop = state.withLock({ $0.group })?.next() else { return }
        let done = loop.makePromise(of: Void.self)
        population.whenEmpty { done.succeed() }
        let timer = loop.scheduleTask(in: TimeAmount(limit)) { done.succeed() }
        try? await done.futureResult.get()
        timer.cancel()
        population.whenEmpty(nil)
    }
}

extension NIOLoopBound {
    /// Runs `body` with the value, on its loop, soon.
    fileprivate func onLoop(_ body: @escaping @Sendable (Value) -> Void) where Value: AnyObject {
        eventLoop.execute { body(self.value) }
    }
}
