import NIOCore

/// A connection's share of what all connections of a loop have in common: their count, the line of those that wait for
/// their clients, and the memory for bodies. The connection that has waited longest makes room for a new one.
struct ConnectionPlace {
    let connection: ConnectionHandler

    private var connections: LoopConnections { connection.connections }

    // MARK: Waiting

    /// Each complete request, each response and each further part of a body begins a new wait. Single bytes do not: a
    /// head that trickles in gets older.
    func phaseChanged() {
        if connection.state.phase == .head { return }
        if connection.state.isWaiting { connections.waits(connection) } else { connections.waitsNoLonger(connection) }
    }

    /// Closes the connection to make room for a new one.
    /// - Returns: `false` if it had already left, and so has made no room.
    func makeRoom() -> Bool {
        // Before the client sees the end, and another connection arrives, it must be known which one has waited longest
        // then.
        connections.waitsNoLonger(connection)
        defer { connection.abort() }
        return leave(makesRoom: true)
    }

    /// Removes it from the count.
    /// - Returns: `false` if it had left already.
    @discardableResult
    func leave(makesRoom: Bool = false) -> Bool {
        guard connection.isCounted else { return false }
        connection.isCounted = false
        connections.counts.left(makesRoom: makesRoom)
        return true
    }

    // MARK: Bodies

    /// Reserves the memory that the arriving body needs for this piece; `nil` if there is no room.
    func reserve(for piece: ByteBuffer) -> Int? {
        let growth = connection.reader.body.growth(for: piece)
        if growth == 0 { return 0 }
        let arriving = connections.arriving
        guard arriving.take(growth) || connections.endIdleUpload(for: connection) && arriving.take(growth) else {
            return nil
        }
        if connection.reader.body.heldBytes == 0 { joinUploads() }
        return growth
    }

    /// The body has brought a part that counts as progress.
    func bodyProgressed() {
        connections.waits(connection)
        if connection.reader.body.heldBytes > 0 { joinUploads() }
    }

    private func joinUploads() { connections.uploads.join(connection.uploadSeat, at: connections.loop.now) }

    /// Releases everything that is held for the body.
    func endBody() {
        let heldBytes = connection.reader.body.heldBytes
        if heldBytes > 0 {
            connections.arriving.giveBack(heldBytes)
            connections.uploads.leave(connection.uploadSeat)
        }
        connection.reader.body = RequestBody()
    }
}
