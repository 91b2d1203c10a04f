import CSluice

/// One stream as the server holds it: what `state` points to, from `open` to the end of `close`.
class StreamState {
    let stream: OpaquePointer
    var lent = LentEvent()

    init(_ stream: OpaquePointer) { self.stream = stream }

    func open() -> Int32 { preconditionFailure("a stream is of one kind or the other") }
    func next(_ event: UnsafeMutablePointer<sluice_event>) -> Int32 { Int32(SLUICE_NEXT_ERROR) }
    /// Ends it. Answers SLUICE_CLOSED when the server may forget it.
    func close(_ reason: CloseReason) -> Int32 { Int32(SLUICE_CLOSED) }
    func save() {}
    /// Any thread.
    func interrupt() {}
    /// An open that has not answered is wanted no more.
    func giveUp() {}
    /// A task that had left its home is over.
    func cameBack() {}

    /// Calls where the stream lives, with itself, unless it is over. Any thread.
    func atHome(_ call: @convention(c) (UnsafeMutableRawPointer?) -> Void) {
        _ = Host.table.pointee.schedule(stream, 0, call, Unmanaged.passUnretained(self).toOpaque())
    }

    // MARK: What both kinds say

    /// Answers a request that a producer did not take.
    func refuse(_ error: any Error) -> Int32 {
        switch error {
        case is Finished:
            return Int32(SLUICE_OPEN_END)
        case let reject as Reject:
            Host.table.pointee.reject(stream, Int32(clamping: reject.status), reject.message)
        case is CancellationError:
            Host.table.pointee.reject(stream, 503, "The request was cancelled.")
        default:
            // What went wrong inside is nobody's business but the operator's.
            Host.log("open: \(error)", level: SLUICE_LOG_ERROR, stream: stream)
        }
        return Int32(SLUICE_OPEN_REJECT)
    }

    func fail(_ error: any Error) -> Int32 {
        if let failure = error as? StreamFailure {
            Host.table.pointee.fail(stream, failure.message)
        } else {
            Host.log("the stream fails: \(error)", level: SLUICE_LOG_ERROR, stream: stream)
        }
        return Int32(SLUICE_NEXT_ERROR)
    }

    func lend(_ message: MessageEvent, to event: UnsafeMutablePointer<sluice_event>, wait: Int64) -> Int32 {
        lent.lend(message, to: event)
        event.pointee.wait_ms = wait
        return Int32(SLUICE_NEXT_EVENT)
    }
}

/// A stream of a `PollingProducer`.
final class PollingStream<P: PollingProducer>: StreamState {
    private let parameters: [String]
    private var producer: P?

    init(_ stream: OpaquePointer, parameters: [String]) {
        self.parameters = parameters
        super.init(stream)
    }

    override func open() -> Int32 {
        do {
            var made = try makeProducer(P.self, parameters, stream)
            try made.open(Request(stream))
            producer = made
            return Int32(SLUICE_OPEN_OK)
        } catch {
            return refuse(error)
        }
    }

    override func next(_ event: UnsafeMutablePointer<sluice_event>) -> Int32 {
        do {
            switch try producer?.next() {
            case .event(let message, let pause)?:
                return lend(message, to: event, wait: max(0, pause.milliseconds))
            case .wait(let pause)?:
                event.pointee.wait_ms = max(0, pause.milliseconds)
                return Int32(SLUICE_NEXT_WAIT)
            case .waitUntilWoken?:
                event.pointee.wait_ms = -1
                return Int32(SLUICE_NEXT_WAIT)
            case .end?, nil:
                return Int32(SLUICE_NEXT_END)
            }
        } catch {
            return fail(error)
        }
    }

    override func close(_ reason: CloseReason) -> Int32 {
        producer?.finalize(reason)
        producer = nil
        lent.free()
        return Int32(SLUICE_CLOSED)
    }

    override func save() {
        (producer as? any Restorable)?.save(to: stream)
    }
}

/// Makes the producer of one stream: its parameters have their values, and it knows what a build before it saved.
func makeProducer<P: ProducerDeclaration>(_ type: P.Type, _ parameters: [String], _ stream: OpaquePointer) throws -> P {
    let made = try ParameterBinding.make(type, names: parameters) { name in
        String(lent: Host.table.pointee.parameter(stream, name))
    }
    guard let restorable = made as? any Restorable else { return made }
    func restored<R: Restorable>(_ producer: R) throws -> any ProducerDeclaration {
        var producer = producer
        try producer.restore(from: stream)
        return producer
    }
    guard let restored = try restored(restorable) as? P else { preconditionFailure("a producer stays of its type") }
    return restored
}
