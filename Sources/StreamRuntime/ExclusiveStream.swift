import EventStream
import ProducerInterface
import StreamLoop

/// A stream and its only subscriber: from the producer's events to the socket, on one thread.
struct ExclusiveStream: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Sends what was emitted, or what the stream's thread has delivered. Calls of the producer wait until the end of
    /// the turn.
    func pump() {
        guard connection.link == .connected, !row.pointee.isQueued, stream.phase != .opening else { return }
        if row.pointee.hasPending { return endIfOverflowed() }
        if stream.isPullDue(at: loop.now) { return queue() }
        output.removeAll()
        if let end = StreamQueue(self).take() { return finish(end) }
        if !output.isEmpty {
            StreamQueue(self).count()
            guard Connection(self).transmit() else { return }
            // There may be room again for what was refused.
            if !row.pointee.hasPending, stream.isPullDue(at: loop.now) { queue() }
        }
        reschedule()
    }

    /// A stream that has overflowed ends now, after the bytes that the socket has yet to take.
    private func endIfOverflowed() {
        guard row.pointee.handoff?.hasOverflowed == true else { return }
        output.removeAll()
        if let end = StreamQueue(self).take() { finish(end) }
    }

    /// At the end of a turn: fetches and sends events until the socket is full, nothing is left, or others must have
    /// their turn.
    /// - Returns: `false` if this thread has lost the loop.
    func serve() -> Bool {
        guard connection.link == .connected, stream.phase != .opening else { return true }
        if row.pointee.hasPending {
            endIfOverflowed()
            return true
        }
        let began = loop.now
        var hasMore = true
        for _ in 0..<LoopStreams.batchesPerTurn where hasMore {
            output.removeAll()
            hasMore = false
            switch StreamQueue(self).fetch() {
            case .lost: return false
            case .all: break
            case .more: hasMore = true
            case .end(let end):
                finish(end)
                return true
            }
            if !output.isEmpty {
                StreamQueue(self).count()
                guard Connection(self).transmit() else { return true }
                if row.pointee.hasPending {
                    reschedule()
                    return true
                }
            }
            if loop.now - began > 1_000_000 { break }
        }
        if hasMore || stream.isPullDue(at: loop.now) {
            queue()
        } else if loop.now >= Connection(self).keepAliveDue {
            // Even if the producer was asked again and again.
            Connection(self).keepAlive()
            return true
        }
        reschedule()
        return true
    }

    /// The stream has ended by itself: closes it, and sends what was produced and the end of the response.
    /// - Parameter mayFallBack: it may continue in the previous generation.
    func finish(_ end: StreamEnd, mayFallBack: Bool = true) {
        StreamEnding(self).noteTrial(end)
        if let failure = end.failure { log.failed(token, entry, failure.log, during: end.function) }
        // What it emitted in its last call precedes its end.
        let queue = StreamQueue(self)
        if StreamEnding(self).endsByItsThread(end) { queue.count() } else { queue.takeProduced() }
        if mayFallBack, FallingBack(self).fallBack(end) { return }
        connection.link = .ending
        StreamEnding(self).closeEnded(end)
        let connection = Connection(self)
        if let failure = end.failure { connection.appendFailure(failure.message) } else { connection.appendFinished() }
        if connection.transmit() { connection.settle() }
    }

    /// Ends it from outside: its subscriber gets what was produced, a reconnection time, and a clean end.
    func end(_ reason: CloseReason) {
        Migration(self).cancel(reason)
        switch stream.phase {
        case .opening:
            if stream.life.hurry(reason) { StreamOpening(self).cancel() }
        case .open:
            output.removeAll()
            let isConnected = connection.link == .connected
            // The producer may have ended it on its thread before: then that is how it ended.
            if isConnected, let end = StreamQueue(self).take() { return finish(end, mayFallBack: false) }
            StreamQueue(self).takeProduced()
            // If its connection is not here yet, what was emitted is kept for it.
            if connection.link == .waiting, !output.isEmpty { Connection(self).keep(output.bytes) }
            if isConnected { connection.link = .ending }
            StreamEnding(self).end(reason)
            guard isConnected else { return }
            Connection(self).appendFarewell()
            if Connection(self).transmit() { Connection(self).settle() }
        case .closeDue, .closing, .over:
            break
        }
    }

    /// Its connection is here.
    /// - Parameter headCount: how many bytes of the output are the head of the response; the preamble follows.
    func attached(behind headCount: Int) {
        guard stream.phase == .open else {
            // It ended before it could begin. The subscriber still gets a proper response and what was emitted, and
            // reconnects.
            if let outbox = row.pointee.outbox {
                output.append(outbox.bytes)
                Connection(self).dropPending()
            }
            Connection(self).appendFarewell()
            connection.link = .ending
            if Connection(self).transmit(behind: headCount) { Connection(self).settle() }
            return
        }
        let token = token
        guard Connection(self).transmit(behind: headCount) else { return }
        row.pointee.opening = nil
        row.pointee.handoff?.attach()
        pump()
        streams.considerMigrating(token)
    }

    /// Its connection is gone.
    func disconnected(_ reason: CloseReason) {
        switch stream.phase {
        case .open: StreamEnding(self).end(reason)
        case .over: streams.release(slot)
        case .closeDue, .closing: reschedule()
        case .opening:
            _ = stream.life.hurry(reason)
            StreamOpening(self).cancel()
            reschedule()
        }
    }
}
