import Glibc
import NIOCore

/// A connection whose client's turn it is. If it waits longest, it makes room for a newcomer.
extension ConnectionHandler {
    /// Each request that is complete, each answer and each further part of a body begins a wait anew. Single bytes don't: a head
    /// that trickles gets older.
    func phaseChanged() {
        switch phase {
        case .head: break
        case _ where phase.isWaiting: roster.waits(self)
        default: roster.waitsNoLonger(self)
        }
    }

    /// A request has come and was not read yet: it would be a pity to let the connection go just now.
    var hasUnreadRequest: Bool {
        guard case .idle = phase, !isReadHeld, let descriptor else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// For a newcomer.
    /// - Returns: `false` if it had left already, and so has made none.
    func makeRoom() -> Bool {
        // When the client sees its end, and the next newcomer comes, it is known who has waited longest then.
        roster.waitsNoLonger(self)
        defer { abort() }
        return leftFrontDoor(letGo: true)
    }

    /// - Returns: `false` if it had left already.
    @discardableResult
    func leftFrontDoor(letGo: Bool = false) -> Bool {
        guard isCounted else { return false }
        isCounted = false
        roster.population.left(letGo: letGo)
        return true
    }

    // MARK: Bodies

    /// What the body that arrives may grow by for this piece; `nil`: there is no room.
    func reserve(for piece: ByteBuffer) -> Int? {
        let growth = body.growth(for: piece)
        if growth == 0 { return 0 }
        guard roster.arriving.take(growth) || roster.endIdleUpload(for: self) && roster.arriving.take(growth) else {
            return nil
        }
        if body.heldBytes == 0 { roster.uploads.join(uploadSeat, at: roster.loop.now) }
        return growth
    }

    func hasProgressed() {
        roster.waits(self)
        if body.heldBytes > 0 { roster.uploads.join(uploadSeat, at: roster.loop.now) }
    }

    /// Nothing of the body is held any longer.
    func endBody() {
        if body.heldBytes > 0 {
            roster.arriving.giveBack(body.heldBytes)
            roster.uploads.leave(uploadSeat)
        }
        body = RequestBody()
    }
}
