import EventStream
import ProducerInterface
import StreamLoop

/// How a stream ended by itself, as the loop sees it.
enum StreamEnd {
    case completed
    case failed(StreamFailure)
    /// It failed because its queue was full; its own thread, if it has one, does not know that yet.
    case overflowed(StreamFailure)

    var failure: StreamFailure? {
        switch self {
        case .completed: nil
        case .failed(let failure), .overflowed(let failure): failure
        }
    }

    var reason: CloseReason { failure == nil ? .completed : .failed }
    /// The function in which it ended, for the log.
    var function: String { if case .overflowed = self { "callback" } else { "next" } }
    var isOverflow: Bool { if case .overflowed = self { true } else { false } }
}

/// A stream on its way to the end of its `close`. `StreamLife` decides what is called, and when.
struct StreamEnding: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Ends an open stream, so that `close` is called.
    func end(_ reason: CloseReason) {
        guard stream.phase == .open else { return }
        Migration(self).cancel(reason)
        let ending = stream.life.end(reason, isThreaded: stream.isThreaded)
        stream.closingSince = loop.now
        table.withGate(slot) { $0.isCancelled = true }
        row.pointee.handoff?.end()
        switch ending {
        case .none: break
        case .callClose: streams.calls.add(.close(token))
        case .tellThread:
            // Its thread closes it as soon as the current call has returned.
            row.pointee.handoff!.cancel(reason)
            interrupt { !$0.isClosing }
        }
        reschedule()
    }

    /// Calls `interrupt`, if the producer has one. The call is made on another thread, as it may wait for something
    /// that its own `next` or `open` holds.
    /// - Parameter isAllowed: looks at the stream's gate just before the call.
    func interrupt(if isAllowed: @escaping @Sendable (StreamGate) -> Bool) {
        let (streams, token, entry) = (streams, token, entry)
        guard entry.producer.hasInterrupt else { return }
        let state = stream.state
        let call = { @Sendable in
            _ = streams.calls.running.run(
                token, "interrupt", if: { streams.withGate(token) { isAllowed($0) } ?? false }
            ) {
                entry.producer.interrupt(token, state: state)
            }
        }
        loop.system.runElsewhere(call, of: entry) {
            streams.calls.running.forgetThread()
            streams.log.endedThread(token, entry, "interrupt")
        }
    }

    /// The stream has ended by itself: ends it here, too, unless its thread closes it without being told.
    func closeEnded(_ end: StreamEnd) {
        guard endsByItsThread(end) else { return self.end(end.reason) }
        guard stream.life.threadCloses(end.reason) else { return }
        stream.closingSince = loop.now
        table.withGate(slot) { $0.isCancelled = true }
        reschedule()
    }

    func endsByItsThread(_ end: StreamEnd) -> Bool { stream.isThreaded && !end.isOverflow }

    /// `close` is complete.
    /// - Parameter told: the reason that its thread gave to `close`, if that has closed it.
    func closed(told: CloseReason? = nil) {
        guard let reason = stream.life.closed(told: told) else { return }
        entry.countClose(reason)
        log.closed(
            token, entry, reason: reason, duration: loop.now - row.pointee.since, events: stream.events,
            bytes: stream.bytes)
        isOver()
    }

    /// The stream's thread has closed it.
    /// - Parameter reason: the reason that `close` was given. It is the real one even if the connection was lost just
    ///   afterwards.
    func closedByThread(_ reason: CloseReason) {
        if stream.phase == .open {
            Migration(self).cancel(reason)
            // The end of the stream is still in the handoff. It is taken here even if the socket is full: if it were
            // taken later, nothing would close the stream any more.
            if row.pointee.role == .hubStream {
                HubStream(self).drain()
            } else {
                output.removeAll()
                if let end = StreamQueue(self).take() { ExclusiveStream(self).finish(end) }
            }
        }
        closed(told: reason)
    }

    /// The producer runs nothing for this stream any more: from here on, its handle is stale.
    func isOver() {
        noLongerStuck()
        row.pointee.handoff?.end()
        table.withGate(slot) { gate in
            gate.isLive = false
            gate.entry = nil
            gate.handoff = nil
        }
        row.pointee.handoff = nil
        stream.state = .none
        streams.scheduled.forget(self)
        let (token, streams) = (token, streams)
        let hub = row.pointee.role == .hubStream ? row.pointee.hub : nil
        entry.producer.forget(token)
        var admission = Admission(heldBy: row, in: streams)
        admission.freePlaces()
        if connection.link == .none { streams.release(slot) } else { reschedule() }
        if let hub { HubHome(streams, hub).closed(token) }
        // Last, as this can end the generation.
        admission.giveBack()
    }

    /// A stream that was reported as stuck continues after all.
    func noLongerStuck() {
        if stream.reported == .stuck { counts.countUnstuck() }
        stream.reported = .nothing
    }

    // MARK: The trial of its generation

    /// Notes what it says about the generation that a stream has ended by itself. For one that failed, this shows only
    /// in the previous generation.
    func noteTrial(_ end: StreamEnd) {
        if end.failure == nil { noteSuccess() } else { row.pointee.doubted = nil }
    }

    /// The stream has produced its first event, or ended by itself without a failure.
    func noteSuccess() {
        entry.generation.trial?.succeeded()
        row.pointee.doubted?.failed()
        row.pointee.doubted = nil
        // It was only kept so that the stream could be reopened in the previous generation.
        if !entry.description.isResumable { row.pointee.resumption = nil }
    }

    /// The producer was called and did not fail, so the failure in the generation on trial counts.
    func noteWaiting() {
        guard let doubted = row.pointee.doubted else { return }
        row.pointee.doubted = nil
        doubted.failed()
    }
}
