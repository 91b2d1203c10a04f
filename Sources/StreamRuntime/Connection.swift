import EventStream
import ProducerInterface
import StreamLoop
import SystemCalls

/// A subscriber's connection, from its arrival at the loop to its last byte. It does not know what it carries.
struct Connection: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// How many bytes a peer may send after its request before it is treated as hostile. A record counts no further.
    private static let inputLimit = Int(UInt16.max)
    /// How long the peer has to close its side after the end.
    static let lingerTime: Nanoseconds = 2_000_000_000

    // MARK: Arriving

    /// Takes over the transport for a row that still waits for it.
    /// - Parameter known: the token by which the caller knows the stream.
    func attach(_ transport: StreamTransport, known: StreamToken, form: ResponseForm) {
        var head: [UInt8] = []
        switch transport {
        case .descriptor(let descriptor, let bytes):
            head = bytes
            connection.descriptor = descriptor
            applyWriteDeadline()
            if loop.system.add(descriptor, tag: token.raw) != 0 {
                log.cannotWatch(token)
                connection.link = .connected
                return disconnect(.disconnected)
            }
        case .sink(let sink):
            // What was emitted earlier stays in front.
            let waiting = row.pointee.outbox
            row.pointee.outbox = Outbox(sink: sink)
            if known != token { streams.moved.moveSink(from: known, to: token) }
            if let waiting { row.pointee.outbox!.append(waiting.bytes) }
        }
        connection.link = .connected
        connection.form = form
        connection.lastActivity = loop.now
        output.removeAll()
        head.withUnsafeBytes { output.append($0) }
        if row.pointee.role == .hubSubscriber { return HubSubscriber(self).attached(behind: head.count) }
        HostFrames.writePreamble(
            to: &output, retryMilliseconds: form.contains(.reconnects) ? jitteredRetryMilliseconds : nil)
        ExclusiveStream(self).attached(behind: head.count)
    }

    func applyWriteDeadline() {
        guard connection.descriptor >= 0 else { return }
        let milliseconds = max(1, limits.writeDeadline / 1_000_000)
        loop.system.setWriteDeadline(connection.descriptor, milliseconds: milliseconds)
    }

    /// The reconnection time that a subscriber is told, in milliseconds: up to a quarter more or less than configured,
    /// so that subscribers do not reconnect all at once.
    var jitteredRetryMilliseconds: Int64 {
        let quarter = limits.retryMilliseconds / 4
        return quarter == 0 ? limits.retryMilliseconds : limits.retryMilliseconds + Int64.random(in: -quarter...quarter)
    }

    /// Up to a tenth early, depending on the slot, so that streams that began together do not all send at the same
    /// time.
    var keepAliveDue: MonotonicNanoseconds {
        let jitter = limits.keepAlive / 1000 * Int64(((slot &* 2_654_435_761) >> 16) % 100)
        return connection.lastActivity + limits.keepAlive - jitter
    }

    // MARK: Sending

    /// Sends the output; what the socket does not take waits in the row.
    /// - Parameter headCount: the size of what precedes the frames, in bytes.
    /// - Returns: `false` if the connection turned out to be gone: the row may belong to another stream.
    func transmit(behind headCount: Int = 0) -> Bool {
        if !connection.form.contains(.chunked) { output.removeChunks(from: headCount) }
        if row.pointee.hasPending {
            keep(output.bytes)
            return true
        }
        guard !output.isEmpty else { return true }
        if let sink = row.pointee.sink {
            connection.isSinkBusy = true
            connection.lastActivity = loop.now
            sink.carrier.carry(SharedBytes(copying: output.bytes).whole, to: [sink])
            return true
        }
        switch loop.system.send(connection.descriptor, output.bytes) {
        case .sent(let count):
            connection.lastActivity = loop.now
            if count < output.count { keep(UnsafeRawBufferPointer(rebasing: output.bytes[count...])) }
        case .full:
            // The write deadline starts now, however long ago the subscriber took the last byte.
            connection.lastActivity = loop.now
            keep(output.bytes)
        case .gone:
            peerLeft()
            return false
        }
        return true
    }

    /// Appends bytes to those that wait already.
    func keep(_ bytes: UnsafeRawBufferPointer) {
        if row.pointee.outbox == nil { row.pointee.outbox = Outbox() }
        row.pointee.outbox!.append(bytes)
    }

    func dropPending() {
        guard let outbox = row.pointee.outbox else { return }
        if outbox.sink == nil { row.pointee.outbox = nil } else { outbox.removeAll() }
    }

    /// The socket takes bytes again.
    func flush() {
        connection.isBlocked = false
        while let outbox = row.pointee.outbox {
            switch loop.system.send(connection.descriptor, outbox.bytes) {
            case .full: return reschedule()
            case .gone: return peerLeft()
            case .sent(let count):
                connection.lastActivity = loop.now
                outbox.drop(count)
                guard outbox.isEmpty else { return reschedule() }
                row.pointee.outbox = nil
            }
        }
        goOn()
    }

    /// The sink took everything.
    func sinkDrained() {
        guard let sink = row.pointee.sink, connection.isSinkBusy else { return }
        connection.isSinkBusy = false
        connection.lastActivity = loop.now
        if row.pointee.hasBytesWaiting {
            let rest = SharedBytes(copying: row.pointee.outbox!.bytes)
            dropPending()
            connection.isSinkBusy = true
            sink.carrier.carry(rest.whole, to: [sink])
            return reschedule()
        }
        goOn()
    }

    /// Nothing waits any more: continues with what there is to send, or with the end.
    private func goOn() {
        if connection.link == .ending { settle() } else { streams.pump(slot) }
    }

    /// Sends a comment. Called only when nothing waits to be sent.
    func keepAlive() {
        if row.pointee.role == .hubSubscriber { return HubSubscriber(self).keepAlive() }
        output.removeAll()
        HostFrames.writeKeepAlive(to: &output)
        if transmit() { reschedule() }
    }

    // MARK: What the peer does

    /// - Returns: `false` if the connection is gone.
    func dropInput() -> Bool {
        switch loop.system.dropInput(connection.descriptor, limit: Self.inputLimit) {
        case .finished:
            return peerFinished()
        case .broken:
            peerLeft()
            return false
        case .dropped(let count):
            connection.dropped = UInt16(clamping: Int(connection.dropped) + count)
            guard connection.dropped >= Self.inputLimit else { return true }
            log.hostileInput(token)
            disconnect(.disconnected)
            return false
        }
    }

    /// The peer closed the connection, or it broke.
    func peerLeft() {
        if connection.link == .lingering { return drop() }
        // The system gave up on a peer that still answered but took nothing.
        let isSlow =
            connection.descriptor >= 0 && loop.system.hasTimedOut(connection.descriptor) && isPeerAlive
        if isSlow, row.pointee.isOpen { tally.pointee.blocked += 1 }
        disconnect(isSlow ? .slow : .disconnected)
    }

    /// The peer has ended its sending side. It may have ended only that, as some proxies do after a request; a peer
    /// that is gone answers anything sent to it with a reset. So it is sent a comment, unless something else is being
    /// sent.
    /// - Returns: `false` if the connection is over: the row may belong to another stream.
    func peerFinished() -> Bool {
        if connection.link == .lingering {
            drop()
            return false
        }
        connection.form.insert(.peerFinished)
        guard connection.link == .connected, !row.pointee.hasPending else { return true }
        let (token, streams) = (token, streams)
        keepAlive()
        return streams.slot(token) != nil
    }

    /// The peer of a sink has ended its sending side.
    func sinkHalfClosed() { if row.pointee.sink != nil { _ = peerFinished() } }

    /// There was no room for a single byte during the whole write deadline. The kernel holds up to megabytes for a
    /// subscriber, and reports room only when a third of it is free, so a subscriber that reads, however slowly, is
    /// given more time.
    func writeDeadlinePassed() {
        let isSlow = connection.descriptor < 0 || isPeerAlive
        if isSlow, let taken = lastTaken, loop.now < taken + limits.writeDeadline {
            connection.lastActivity = taken
            return reschedule()
        }
        if row.pointee.isOpen {
            log.writeDeadlinePassed(token, entry, isSlow: isSlow, deadline: limits.writeDeadline)
            if isSlow { tally.pointee.blocked += 1 }
        }
        disconnect(streams.endOfAll ?? (isSlow ? .slow : .disconnected))
    }

    /// The peer was heard from recently, so it is slow; otherwise it has vanished.
    private var isPeerAlive: Bool {
        guard let silence = loop.system.silenceMilliseconds(of: connection.descriptor) else { return true }
        return silence < limits.writeDeadline / 1_000_000 * 3 / 4
    }

    /// When the peer last took some of what the kernel holds.
    private var lastTaken: MonotonicNanoseconds? {
        guard connection.descriptor >= 0, let pause = loop.system.sendingPauseMilliseconds(of: connection.descriptor)
        else {
            return nil
        }
        return loop.now - pause * 1_000_000
    }

    // MARK: Ending

    /// Drops the connection at once, and the stream or subscriber with it.
    func disconnect(_ reason: CloseReason) {
        closeTransport()
        connection.link = .none
        lost(reason)
    }

    /// The front door lost the peer, or cannot send the response.
    func leave() {
        guard connection.link == .waiting else { return }
        connection.link = .none
        row.pointee.opening?.door = nil
        lost(.disconnected)
    }

    private func lost(_ reason: CloseReason) {
        if row.pointee.role == .hubSubscriber {
            HubSubscriber(self).disconnected(reason)
        } else {
            ExclusiveStream(self).disconnected(reason)
        }
    }

    /// Drops what is left of a connection whose stream is over.
    func drop() { disconnect(.disconnected) }

    private func closeTransport() {
        if connection.descriptor >= 0 {
            loop.system.close(connection.descriptor)
            connection.descriptor = -1
        }
        row.pointee.sink?.abort()
        row.pointee.outbox = nil
        connection.isSinkBusy = false
    }

    /// A sink's connection is gone.
    func sinkClosed() {
        guard row.pointee.sink != nil else { return }
        row.pointee.outbox = nil
        drop()
    }

    /// The end is in the output or was sent: once nothing waits, closes the connection without losing a byte.
    ///
    /// Closing a socket that has unread input resets the connection, and the peer may lose what it has not read yet. So
    /// input is dropped, writing is shut down, and the peer gets some time to close its side (RFC 9112, section 9.6).
    func settle() {
        guard connection.link == .ending, !row.pointee.hasPending else { return reschedule() }
        if let sink = row.pointee.sink {
            sink.finish()
            row.pointee.outbox = nil
            connection.link = .none
            if row.pointee.isOver { streams.release(slot) } else { reschedule() }
            return
        }
        loop.system.shutdownWriting(connection.descriptor)
        if connection.form.contains(.peerFinished) { return drop() }
        connection.link = .lingering
        connection.lastActivity = loop.now
        guard dropInput() else { return }
        reschedule()
    }

    /// Moves to another row, with everything that waits to be sent.
    func move(to new: some RowView) {
        var moved = ConnectionRecord()
        swap(&moved, &connection)
        new.connection = moved
        let outbox = row.pointee.outbox
        row.pointee.outbox = nil
        new.row.pointee.outbox = outbox
        new.row.pointee.expires = row.pointee.expires
        row.pointee.expires = .max
        if outbox?.sink != nil {
            streams.moved.moveSink(from: token, to: new.token)
        } else if loop.system.rename(moved.descriptor, tag: new.token.raw) != 0 {
            log.cannotWatch(new.token)
            Connection(new).disconnect(.disconnected)
        }
    }

    // MARK: The end of the response

    /// Ends the response of a stream that is complete. A client that does not reconnect needs no mark that keeps it
    /// from doing so.
    func appendFinished() {
        if connection.form.contains(.reconnects) { HostFrames.writeFinished(to: &output) }
        appendLastChunk()
    }

    /// - Parameter message: what the producer said; `nil`: the subscriber only gets a code.
    func appendFailure(_ message: String?) {
        HostFrames.writeStreamError(message ?? "sluice-\(token)", to: &output)
        appendLastChunk()
    }

    /// Ends the response of a stream that the server ends. A client that reconnects uses the reconnection time of the
    /// producer, if that gave one. Any other client sees that the response was cut off.
    func appendFarewell() {
        guard connection.form.contains(.reconnects) else { return }
        if !connection.form.contains(.hasProducersRetry) {
            HostFrames.writeFarewell(to: &output, retryMilliseconds: jitteredRetryMilliseconds)
        }
        appendLastChunk()
    }

    private func appendLastChunk() { if connection.form.contains(.chunked) { output.appendLastChunk() } }
}
