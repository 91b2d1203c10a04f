import Logging
import NIOCore

/// Which of the loop's connections makes room for another.
extension ConnectionRoster {
    /// So many that have waited longest are looked at. Those whose requests have just come are passed over.
    private static let passedOverMax = 4

    func addToPopulation() -> Int {
        // A roster that is gone has nobody to let go.
        let roster = NIOLoopBound(WeakRoster(roster: self), eventLoop: loop)
        return population.addThread { [loop, weak population] limit in
            // The population has this closure, and is there when it is called.
            let letGo: @Sendable () -> Void = { [population] in
                let isLetGo = roster.value.roster?.makeRoom(within: limit) ?? false
                if !isLetGo { population?.nobodyLetGo() }
            }
            if loop.inEventLoop { letGo() } else { loop.execute(letGo) }
        }
    }

    /// From now on.
    func waits(_ connection: ConnectionHandler) {
        let wasFirst = waiting.first === connection.seat
        let count = waiting.count
        waiting.join(connection.seat, at: loop.now)
        if wasFirst || waiting.count != count { tellPopulation() }
    }

    func waitsNoLonger(_ connection: ConnectionHandler) {
        let count = waiting.count
        waiting.leave(connection.seat)
        if waiting.count != count { tellPopulation() }
    }

    private func tellPopulation() {
        population.waitingChanged(on: thread, count: waiting.count, since: waiting.first?.since)
    }

    /// - Returns: `false`: nobody waits, or they all have just been heard of.
    private func makeRoom(within limit: String) -> Bool {
        for _ in 0..<min(waiting.count, Self.passedOverMax) {
            guard let seat = waiting.first else { break }
            let connection = seat.connection
            if connection.hasUnreadRequest {
                waits(connection)
                continue
            }
            evictions.warn(
                "a connection that waited for its client makes room for a newcomer",
                [
                    "limit": "\(limit)", "peer": "\(connection.remoteAddress)",
                    "waited": "\((loop.now - seat.since).nanoseconds / 1_000_000) ms",
                ])
            // Counted before anybody can see it.
            population.countMadeRoom()
            return connection.makeRoom()
        }
        tellPopulation()
        return false
    }

    /// Turns away the upload that has brought nothing to speak of for longest, if that is long: whoever lets bodies stand about
    /// would else keep out all the others.
    /// - Returns: `false`: there is none.
    func endIdleUpload(for other: ConnectionHandler) -> Bool {
        guard let seat = uploads.first, seat.connection !== other,
            loop.now - seat.since >= TimeAmount(settings.uploadPatience)
        else { return false }
        seat.connection.turnAway(.overload("max-arriving-bytes"))
        return true
    }
}

/// What the population holds of a roster.
private struct WeakRoster {
    weak var roster: ConnectionRoster?
}
