import Logging
import NIOCore

/// Which of the loop's connections makes room for another.
extension LoopConnections {
    /// How many of those that have waited longest are looked at. Those whose requests have just come are passed over.
    private static let passedOverMax = 4

    func joinCounts() -> Int {
        // A loop whose connections are gone has none to close.
        let connections = NIOLoopBound(WeakConnections(connections: self), eventLoop: loop)
        return counts.addThread { [loop, weak counts] limit in
            // The counts have this closure, and are there when it is called.
            let makeRoom: @Sendable () -> Void = { [counts] in
                let isMade = connections.value.connections?.makeRoom(within: limit) ?? false
                if !isMade { counts?.noRoomMade() }
            }
            if loop.inEventLoop { makeRoom() } else { loop.execute(makeRoom) }
        }
    }

    /// From now on.
    func waits(_ connection: ConnectionHandler) {
        let wasFirst = waiting.first === connection.seat
        let count = waiting.count
        waiting.join(connection.seat, at: loop.now)
        if wasFirst || waiting.count != count { tellCounts() }
    }

    func waitsNoLonger(_ connection: ConnectionHandler) {
        let count = waiting.count
        waiting.leave(connection.seat)
        if waiting.count != count { tellCounts() }
    }

    private func tellCounts() {
        counts.waitingChanged(on: thread, count: waiting.count, since: waiting.first?.since)
    }

    /// - Returns: `false`: none waits, or requests of all of them have just come.
    private func makeRoom(within limit: String) -> Bool {
        for _ in 0..<min(waiting.count, Self.passedOverMax) {
            guard let seat = waiting.first else { break }
            let connection = seat.connection
            if connection.hasUnreadRequest {
                waits(connection)
                continue
            }
            evictions.warn(
                "closing the connection that has waited longest, to make room for a new one",
                [
                    "limit": "\(limit)", "peer": "\(connection.remoteAddress)",
                    "waited": "\((loop.now - seat.since).nanoseconds / 1_000_000) ms",
                ])
            // Counted before anybody can see it.
            counts.countMadeRoom()
            return connection.place.makeRoom()
        }
        tellCounts()
        return false
    }

    /// Turns away the upload that has made no progress for longest, if that is long: a client that lets its bodies
    /// stand would otherwise keep out all others.
    /// - Returns: `false`: there is none.
    func endIdleUpload(for other: ConnectionHandler) -> Bool {
        guard let seat = uploads.first, seat.connection !== other,
            loop.now - seat.since >= TimeAmount(settings.uploadPatience)
        else { return false }
        seat.connection.exchange.turnAway(.overload("max-arriving-bytes"))
        return true
    }
}

/// What the counts hold of a loop's connections.
private struct WeakConnections {
    weak var connections: LoopConnections?
}
