import EventStream
import ProducerInterface
import StreamLoop

/// How a stream ended by itself, seen from the loop.
enum StreamEnd {
    case completed
    case failed(StreamFailure)
    /// It failed because its queue was full; a thread of its own does not know that yet.
    case overflowed(StreamFailure)

    var failure: StreamFailure? {
        switch self {
        case .completed: nil
        case .failed(let failure), .overflowed(let failure): failure
        }
    }

    var reason: CloseReason { failure == nil ? .completed : .failed }
    /// What it ended in, for the log.
    var function: String { if case .overflowed = self { "callback" } else { "next" } }
    var isOverflow: Bool { if case .overflowed = self { true } else { false } }
}

/// A stream on its way to the end of its `close`; `StreamLife` says what is called, and when.
struct StreamEnding: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Has an open stream closed.
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
            // Its thread closes it, as soon as what it runs has returned.
            row.pointee.handoff!.cancel(reason)
            interrupt { !$0.isClosing }
        }
        reschedule()
    }

    /// Has `interrupt` called, if the producer has one: elsewhere, as it may wait for what its own `next` or `open` holds.
    /// - Parameter isAllowed: looks at the stream's gate just before.
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

    /// The stream is at its end by itself: has it closed, unless its thread does so without being told.
    func closeEnded(_ end: StreamEnd) {
        guard endsByItsThread(end) else { return self.end(end.reason) }
        guard stream.life.threadCloses(end.reason) else { return }
        stream.closingSince = loop.now
        table.withGate(slot) { $0.isCancelled = true }
        reschedule()
    }

    func endsByItsThread(_ end: StreamEnd) -> Bool { stream.isThreaded && !end.isOverflow }

    /// `close` is complete.
    /// - Parameter told: by its thread, if that has closed it.
    func closed(told: CloseReason? = nil) {
        guard let reason = stream.life.closed(told: told) else { return }
        entry.countClose(reason)
        log.closed(
            token, entry, reason: reason, duration: loop.now - row.pointee.since, events: stream.events,
            bytes: stream.bytes)
        isOver()
    }

    /// The stream's thread has closed it.
    /// - Parameter reason: what `close` was told, which is the true one even if the connection was lost a moment later.
    func closedByThread(_ reason: CloseReason) {
        if stream.phase == .open {
            Migration(self).cancel(reason)
            // The end of the stream still waits in the handoff. It is taken here even if the socket is full: nobody else would
            // close the stream once it was.
            if row.pointee.role == .hubStream {
                HubStream(self).drain()
            } else {
                output.removeAll()
                if let end = StreamQueue(self).take() { ExclusiveStream(self).finish(end) }
            }
        }
        closed(told: reason)
    }

    /// Nothing of the producer runs for this stream any more: its handle is stale from here on.
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
        // The last, as it may be the end of the generation.
        admission.giveBack()
    }

    /// What was reported as stuck goes on after all.
    func noLongerStuck() {
        if stream.reported == .stuck { counts.countUnstuck() }
        stream.reported = .nothing
    }

    // MARK: Its generation's trial

    /// What the end of a stream by itself says of its generation; of one that failed that is seen in the generation before.
    func noteTrial(_ end: StreamEnd) {
        if end.failure == nil { noteSuccess() } else { row.pointee.doubted = nil }
    }

    /// The stream has produced an event, its first, or come to its own end.
    func noteSuccess() {
        entry.generation.trial?.succeeded()
        row.pointee.doubted?.failed()
        row.pointee.doubted = nil
        // It was only kept to be compared with.
        if !entry.description.isResumable { row.pointee.resumption = nil }
    }

    /// The producer was asked, and did not fail: so it has not in what it is compared with.
    func noteWaiting() {
        guard let doubted = row.pointee.doubted else { return }
        row.pointee.doubted = nil
        doubted.failed()
    }
}
