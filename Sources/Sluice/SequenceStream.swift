import CSluice

/// A stream of a `Producer`: a task that pulls its sequence, one event at a time, each when the server asks for it.
///
/// The task lives where the stream does, so what it shares with the server's calls needs no lock: they never overlap.
/// The order of the end is: cancel the task, await it, `finalize`, and only then is the stream closed. A cancelled task
/// that is not over at once ends elsewhere, as nobody knows what it does; from then on nothing that it may touch is
/// looked at before it comes back to say that it is over.
final class SequenceStream<P: Producer>: StreamState, @unchecked Sendable {
    // Unchecked: all of it is used where the stream lives; the task itself may be cancelled from anywhere.
    private let parameters: [String]
    private let executor: HomeExecutor
    private var task: Task<Void, Never>?
    private var producer: P?
    /// The answer of `open`, once it is known.
    private var openAnswer: Int32?
    /// `open` has answered that its answer comes later.
    private var isPending = false
    /// An event that the server has not taken.
    private var offered: MessageEvent?
    /// The server was told to wait until it is woken.
    private var isAwaited = false
    /// The task waits to be asked for an event.
    private var demand: UnsafeContinuation<Void, Never>?
    private var failure: (any Error)?
    private var isTaskOver = false
    /// The task is cancelled, and was not over at once.
    private var isTaskAway = false
    /// The request is given up although the open has not answered.
    private var isGivenUp = false
    private var closeReason: CloseReason?
    /// `close` has answered that the end comes later.
    private var isClosing = false

    init(_ stream: OpaquePointer, parameters: [String]) {
        self.parameters = parameters
        executor = HomeExecutor(stream)
        super.init(stream)
        executor.whenIdle = { [unowned self] in settle() }
    }

    // MARK: The server's calls

    override func open() -> Int32 {
        executor.runHere {
            task = Task(executorPreference: executor) { [self] in
                await HomeExecutor.$current.withValue(executor) { await run() }
            }
        }
        guard let openAnswer else {
            isPending = true
            return Int32(SLUICE_OPEN_PENDING)
        }
        if openAnswer != Int32(SLUICE_OPEN_OK) { leave() }
        return openAnswer
    }

    override func next(_ event: UnsafeMutablePointer<sluice_event>) -> Int32 {
        if offered == nil, !isTaskOver { executor.runHere { resumeDemand() } }
        if let message = offered {
            offered = nil
            return lend(message, to: event, wait: -1)
        }
        guard isTaskOver else {
            isAwaited = true
            event.pointee.wait_ms = -1
            return Int32(SLUICE_NEXT_WAIT)
        }
        return failure.map(fail) ?? Int32(SLUICE_NEXT_END)
    }

    override func close(_ reason: CloseReason) -> Int32 {
        closeReason = reason
        lent.free()
        offered = nil
        guard isTaskOver || endTask() else {
            isClosing = true
            return Int32(SLUICE_CLOSING)
        }
        conclude()
        return Int32(SLUICE_CLOSED)
    }

    override func save() {
        (producer as? any Restorable)?.save(to: stream)
    }

    /// What runs on the stream's own thread, where it has one, is cancelled at once; an open that has not answered is
    /// given up.
    override func interrupt() {
        if executor.isBusy { task?.cancel() }
        atHome { Unmanaged<StreamState>.fromOpaque($0!).takeUnretainedValue().giveUp() }
    }

    override func giveUp() {
        guard isPending, openAnswer == nil, !isGivenUp else { return }
        isGivenUp = true
        _ = endTask()
    }

    /// Cancels the task. What it waits for on this loop ends here; whatever else it awaits, it may be code that heeds
    /// no cancellation and never gives the loop back, so that is left elsewhere.
    /// - Returns: whether it is over.
    private func endTask() -> Bool {
        if demand != nil || executor.timers.areUsed {
            executor.runHere {
                task?.cancel()
                resumeDemand()
            }
        }
        if !isTaskOver, !isTaskAway {
            isTaskAway = true
            executor.leave()
            task?.cancel()
        }
        return isTaskOver
    }

    // MARK: The task

    private func run() async {
        do {
            try await pullAll()
        } catch {
            if openAnswer == nil { openAnswer = refuse(error) } else { failure = error }
        }
        if executor.isHome {
            isTaskOver = true
            wakeIfAwaited()
        } else {
            atHome { Unmanaged<StreamState>.fromOpaque($0!).takeUnretainedValue().cameBack() }
        }
    }

    override func cameBack() {
        isTaskAway = false
        isTaskOver = true
        settle()
    }

    /// The sequence is gone when this returns.
    private func pullAll() async throws {
        let made = try makeProducer(P.self, parameters, stream)
        producer = made
        let events = try await made.events(for: Request(stream))
        if isGivenUp {
            // It may have begun what has to be ended, and the server will not ask for that.
            made.finalize(.disconnected)
            throw CancellationError()
        }
        openAnswer = Int32(SLUICE_OPEN_OK)
        var iterator = events.makeAsyncIterator()
        await isAsked()
        while closeReason == nil, let event = try await iterator.next() {
            offered = event
            wakeIfAwaited()
            await isAsked()
        }
    }

    /// Waits until the server asks for an event, or closes the stream.
    private func isAsked() async {
        guard closeReason == nil else { return }
        await withUnsafeContinuation { demand = $0 }
    }

    private func resumeDemand() {
        let waiting = demand
        demand = nil
        waiting?.resume()
    }

    private func wakeIfAwaited() {
        guard isAwaited, closeReason == nil else { return }
        isAwaited = false
        Host.table.pointee.wake(stream)
    }

    // MARK: Later answers

    /// Nothing of the task is ready to run: what it has decided meanwhile is told.
    private func settle() {
        guard !isTaskAway else { return }
        if isPending, let openAnswer {
            isPending = false
            if openAnswer != Int32(SLUICE_OPEN_OK) { leave() }
            Host.table.pointee.opened(stream, openAnswer)
            if openAnswer != Int32(SLUICE_OPEN_OK) { Unmanaged.passUnretained(self).release() }
        } else if isClosing, isTaskOver {
            isClosing = false
            conclude()
            Host.table.pointee.closed(stream)
            Unmanaged.passUnretained(self).release()
        }
    }

    private func conclude() {
        guard let closeReason else { preconditionFailure("a stream is closed for a reason") }
        producer?.finalize(closeReason)
        leave()
    }

    private func leave() {
        producer = nil
        executor.leave()
        executor.timers.end()
    }
}
