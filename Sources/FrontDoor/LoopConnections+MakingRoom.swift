import Logging
import NIOCore

/// Which of the loop's connections makes room for another.
extension LoopConnections {
    /// How many of the connections that have waited longest are considered. Those whose requests have just arrived are
    /// passed over.
    private static let passedOverMax = 4

    func joinCounts() -> Int {
        // A loop whose connections are gone has none to close.
        let connections = NIOLoopBound(WeakConnections(connections: self), eventLoop: loop)
        return counts.addThread { [loop, weak counts] limit in
            // The counts own this closure, so they exist when it is called.
            let makeRoom: @Sendable () -> Void = { [counts] in
                let isMade = connections.value.connections?.makeRoom(within: limit) ?? false
                if !isMade { counts?.noRoomMade() }
            }
            if loop.inEventLoop { makeRoom() } else { loop.execute(makeRoom) }
        }
    }

    /// The connection waits from now on.
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

    /// - Returns: `false` if none waits, or requests of all of them have just arrived.
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
                    "limit": "\(limit)", "peer": "\(connection.arrival.client)",
                    "waited": "\((loop.now - seat.since).nanoseconds / 1_000_000) ms",
                ])
            // Counted before the client can see the end.
            counts.countMadeRoom()
            return connection.place.makeRoom()
        }
        tellCounts()
        return false
    }

    /// Turns away the upload that has made no progress for longest, if that is long enough: clients that let their
    /// bodies stall would otherwise keep out all others.
    /// - Returns: `false` if there is none.
    func endIdleUpload(for other: ConnectionHandler) -> Bool {
        guard let seat = uploads.first, seat.connection !== other,
            loop.now - seat.since >= TimeAmount(settings.uploadPatience)
        else { return false }
        seat.connection.exchange.turnAway(.overload("max-arriving-bytes"))
        return true
    }
}

/// A reference to a loop's connections that does not keep them.
private struct WeakConnections {
    weak var connections: LoopConnections?
}
