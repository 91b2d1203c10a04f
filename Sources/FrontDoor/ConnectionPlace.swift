import NIOCore

/// A connection's part in what all of a loop's connections share: their count, the line of those that wait for their
/// clients, and the memory for bodies. The connection that waits longest makes room for a new one.
struct ConnectionPlace {
    let connection: ConnectionHandler

    private var connections: LoopConnections { connection.connections }

    // MARK: Waiting

    /// Each request that is complete, each response and each further part of a body begins a wait anew. Single bytes
    /// don't: a head that trickles gets older.
    func phaseChanged() {
        if connection.state.phase == .head { return }
        if connection.state.isWaiting { connections.waits(connection) } else { connections.waitsNoLonger(connection) }
    }

    /// For a new connection.
    /// - Returns: `false` if this one had left already, and so has made no room.
    func makeRoom() -> Bool {
        // Before the client sees the end, and the next new connection comes, it is known which one has waited longest
        // then.
        connections.waitsNoLonger(connection)
        defer { connection.abort() }
        return leave(makesRoom: true)
    }

    /// Ends being counted.
    /// - Returns: `false` if it had left already.
    @discardableResult
    func leave(makesRoom: Bool = false) -> Bool {
        guard connection.isCounted else { return false }
        connection.isCounted = false
        connections.counts.left(makesRoom: makesRoom)
        return true
    }

    // MARK: Bodies

    /// What the body that arrives may grow by for this piece; `nil`: there is no room.
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

    /// The body has brought a part that counts.
    func bodyProgressed() {
        connections.waits(connection)
        if connection.reader.body.heldBytes > 0 { joinUploads() }
    }

    private func joinUploads() { connections.uploads.join(connection.uploadSeat, at: connections.loop.now) }

    /// Nothing of the body is held any longer.
    func endBody() {
        let heldBytes = connection.reader.body.heldBytes
        if heldBytes > 0 {
            connections.arriving.giveBack(heldBytes)
            connections.uploads.leave(connection.uploadSeat)
        }
        connection.reader.body = RequestBody()
    }
}
