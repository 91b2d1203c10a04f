import Glibc
import NIOCore
import NIOHTTP1

/// Where a connection waits before NIO registers it and gives it handlers and a parser, which is most of what a
/// connection costs.
///
/// If all that the client has sent by now is a plain request for a stream, the stream is opened from here, and usually
/// the connection is handed over from here, too. Every other connection comes in: its request has not arrived yet or is
/// of another kind, or the stream takes long to open, or does not open.
///
/// Lives on its connections' event loop.
final class Doorstep {
    private unowned let connections: LoopConnections
    private let loop: any EventLoop
    /// Accepted connections. They are looked at once the loop has accepted all that there are, so that their requests
    /// have some more time to arrive.
    private var arrivals: [(channel: any Channel, reception: NIOLoopBound<Reception>, entrance: Entrance)] = []
    /// Connections whose streams are being opened, and the round in which they arrived.
    private var waiting: [(connection: ConnectionHandler, round: Int)] = []
    private var round = 0
    private var isRoundSet = false
    private var isClosed = false
    private let peeked = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 16)

    /// A connection waits here for one to two rounds. If its peer leaves meanwhile, that is not noticed.
    static let roundTime = TimeAmount.milliseconds(20)

    init(of connections: LoopConnections, on loop: any EventLoop) {
        self.connections = connections
        self.loop = loop
    }

    deinit { peeked.deallocate() }

    func arrived(_ channel: any Channel, by reception: NIOLoopBound<Reception>, at entrance: Entrance) {
        connections.counts.joined()
        connections.counts.makeRoom()
        arrivals.append((channel, reception, entrance))
        guard arrivals.count == 1 else { return }
        let connections = NIOLoopBound(connections, eventLoop: loop)
        loop.execute { connections.value.doorstep.look() }
    }

    private func look() {
        let arrivals = arrivals
        self.arrivals.removeAll(keepingCapacity: true)
        for (channel, reception, entrance) in arrivals {
            let connection = ConnectionHandler(
                connections: connections, channel: channel, reception: reception, at: entrance)
            if connection.socketPeer == .unknown {
                dismiss(connection)
            } else if isClosed || !opensStream(for: connection) {
                takeIn(connection)
            } else if connection.isOnDoorstep {
                connection.index = waiting.count
                waiting.append((connection, round))
            }
        }
        if !waiting.isEmpty { setRound() }
    }

    /// Opens the stream that the client has asked for, if the client has sent exactly one plain request, and it is for
    /// a stream.
    /// - Returns: `false` if not; then nothing was taken from the socket.
    private func opensStream(for connection: ConnectionHandler) -> Bool {
        let settings = connections.settings
        guard settings.allowsHandOver, let descriptor = connection.descriptor else { return false }
        let count = recv(descriptor, peeked.baseAddress, peeked.count, Int32(MSG_PEEK | MSG_DONTWAIT))
        guard count > 0, count < peeked.count, let start = skipProxyHeader(count, of: connection),
            count - start <= settings.maxHeadBytes,
            let head = PlainRequest.head(
                UnsafeRawBufferPointer(rebasing: peeked[start..<count]), maxHeaderCount: settings.maxHeaderCount),
            FieldRules.problem(with: head) == nil,
            case .open(let match, let streamRequest) = connections.rules.verdict(
                on: head, arrival(of: head, for: connection)),
            // The peeked bytes are still there, unless the connection was reset since: then NIO finds out.
            recv(descriptor, peeked.baseAddress, count, Int32(MSG_DONTWAIT)) == count
        else { return false }
        connection.request = head
        if settings.accessLog != .none { connection.requestedAt = loop.now }
        connection.crossOrigin = connections.rules.crossOriginHeaders(head, connection.arrival)
        connection.handOver.open(match, streamRequest)
        return true
    }

    /// Reads the PROXY header, if there must be one.
    /// - Parameter count: how many bytes of the connection are known.
    /// - Returns: where the request begins; `nil` if that can't be said here.
    private func skipProxyHeader(_ count: Int, of connection: ConnectionHandler) -> Int? {
        guard connection.entrance.expectsProxyHeader else { return 0 }
        guard connections.settings.proxies.contain(connection.socketPeer),
            case .complete(let client, let length) = ProxyHeader(
                UnsafeRawBufferPointer(rebasing: peeked[..<count])), length < count
        else { return nil }
        connection.proxied(client)
        return length
    }

    private func arrival(of head: HTTPRequestHead, for connection: ConnectionHandler) -> Arrival {
        connection.arrived(head)
        return connection.arrival
    }

    /// The connection is handed over. A connection that comes in is counted until its channel is closed.
    func leave(_ connection: ConnectionHandler) {
        forget(connection)
        connections.counts.left()
    }

    /// The peer has left.
    func dismiss(_ connection: ConnectionHandler) {
        connection.peerLeft()
        leave(connection)
        connection.channel.close(promise: nil)
    }

    private func forget(_ connection: ConnectionHandler) {
        guard let index = connection.index.take(), let last = waiting.popLast(), last.connection !== connection else {
            return
        }
        waiting[index] = last
        last.connection.index = index
    }

    private func setRound() {
        guard !isRoundSet else { return }
        isRoundSet = true
        let connections = NIOLoopBound(connections, eventLoop: loop)
        loop.scheduleTask(in: Self.roundTime) { connections.value.doorstep.roundOver() }
    }

    private func roundOver() {
        isRoundSet = false
        for (connection, arrival) in waiting where arrival < round { takeIn(connection) }
        round += 1
        if !waiting.isEmpty { setRound() }
    }

    /// Gives a connection its handlers, and hands it to NIO.
    func takeIn(_ connection: ConnectionHandler) {
        forget(connection)
        let channel = connection.channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in connection.place.leave() }
        do {
            try ConnectionPipeline.add(connection)
        } catch {
            return channel.close(promise: nil)
        }
        guard let reception = connection.reception else { preconditionFailure("it was brought here by a reception") }
        if reception.eventLoop.inEventLoop {
            reception.value.takeIn(channel)
        } else {
            reception.eventLoop.execute { reception.value.takeIn(channel) }
        }
    }

    /// Nothing more will be accepted: every connection that is here, or still arrives, comes in.
    func close() {
        isClosed = true
        for (connection, _) in waiting { takeIn(connection) }
    }
}
