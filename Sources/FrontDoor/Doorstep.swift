import NIOCore

/// Where a connection stands before NIO has it registered and gives it handlers and a parser, which is most of what a connection costs.
///
/// If all that it has sent by now is a plain request for a stream, the stream is opened from here, and usually the connection is
/// handed over from here, too. Every other one comes in: because its request is not there yet, is anything else, or because the stream
/// takes its time to open, or does not.
///
/// Lives on its connections' event loop.
final class Doorstep {
    private unowned let roster: ConnectionRoster
    private let loop: any EventLoop
    private var reception: NIOLoopBound<Reception>?
    /// Accepted, and looked at once the loop has accepted all that there are: their requests have some more time to arrive.
    private var arrivals: [any Channel] = []
    /// Whose streams are being opened, and in which round they came.
    private var waiting: [(connection: ConnectionHandler, round: Int)] = []
    private var round = 0
    private var isRoundSet = false
    private var isClosed = false
    private let peeked = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 16)

    /// A connection waits here for one to two of them: it is not noticed meanwhile that its peer has left.
    static let roundTime = TimeAmount.milliseconds(20)

    init(of roster: ConnectionRoster, on loop: any EventLoop) {
        self.roster = roster
        self.loop = loop
    }

    deinit { peeked.deallocate() }

    func arrived(_ channel: any Channel, by reception: NIOLoopBound<Reception>) {
        self.reception = reception
        roster.population.joined()
        roster.population.makeRoom()
        arrivals.append(channel)
        guard arrivals.count == 1 else { return }
        let roster = NIOLoopBound(roster, eventLoop: loop)
        loop.execute { roster.value.doorstep.look() }
    }

    private func look() {
        let channels = arrivals
        arrivals.removeAll(keepingCapacity: true)
        for channel in channels {
            let connection = ConnectionHandler(roster: roster, channel: channel)
            if isClosed || !connection.openFromDoorstep(peeking: peeked) {
                takeIn(connection)
            } else if connection.isOnDoorstep {
                connection.place = waiting.count
                waiting.append((connection, round))
            }
        }
        if !waiting.isEmpty { setRound() }
    }

    /// It is handed over; whoever comes in is counted until the channel is closed.
    func leave(_ connection: ConnectionHandler) {
        forget(connection)
        roster.population.left()
    }

    private func forget(_ connection: ConnectionHandler) {
        guard let index = connection.place.take(), let last = waiting.popLast(), last.connection !== connection else {
            return
        }
        waiting[index] = last
        last.connection.place = index
    }

    private func setRound() {
        guard !isRoundSet else { return }
        isRoundSet = true
        let roster = NIOLoopBound(roster, eventLoop: loop)
        loop.scheduleTask(in: Self.roundTime) { roster.value.doorstep.roundOver() }
    }

    private func roundOver() {
        isRoundSet = false
        for (connection, arrival) in waiting where arrival < round { takeIn(connection) }
        round += 1
        if !waiting.isEmpty { setRound() }
    }

    /// Gives a connection its handlers, and NIO the connection.
    func takeIn(_ connection: ConnectionHandler) {
        forget(connection)
        let channel = connection.channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in connection.leftFrontDoor() }
        do {
            try connection.addHandlers()
        } catch {
            return channel.close(promise: nil)
        }
        guard let reception else { preconditionFailure("it was brought here by the reception") }
        if reception.eventLoop.inEventLoop {
            reception.value.takeIn(channel)
        } else {
            reception.eventLoop.execute { reception.value.takeIn(channel) }
        }
    }

    /// Nothing will be accepted any more: whoever is here, or arrives yet, comes in.
    func close() {
        isClosed = true
        for (connection, _) in waiting { takeIn(connection) }
    }
}
