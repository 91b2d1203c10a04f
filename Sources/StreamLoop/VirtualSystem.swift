import Synchronization
package import SystemCalls

/// The twin of `EpollSystem` on virtual time, for tests: nothing sleeps, the clock jumps to the next deadline, and
/// sockets are byte counters that a test fills, empties and breaks. For one thread.
package final class VirtualSystem: LoopSystem {
    package struct Socket {
        /// How many more bytes it takes.
        package var room: Int
        /// What was sent, as the peer would read it.
        package var sent: [UInt8] = []
        /// How many calls of `send` that took.
        package var sends = 0
        package var isPeerGone = false
        /// The peer has ended its sending side.
        package var isPeerFinished = false
        package var isShutDown = false
        package var isClosed = false
        package var silenceMilliseconds: Int64 = 0
        /// When the kernel last sent any of the data that it holds; `nil`: it holds none.
        var lastSent: MonotonicNanoseconds?
        package var hasTimedOut = false
        /// How many bytes the peer has sent that were not read.
        package var input = 0
        var tag: UInt64?
        var wasFull = false
    }

    package var time: MonotonicNanoseconds { clock.load(ordering: .relaxed) }
    // Atomic, because code on a stream's real thread can let time pass, too.
    private let clock = Atomic<Int64>(1_000_000_000)
    package private(set) var sockets: [Int32: Socket] = [:]
    /// How many calls of `add` fail from now on.
    package var failuresToAdd = 0
    private let delay = Atomic<Int64>(0)
    private var nextDescriptor: Int32 = 1000
    private var edges: [ReadyEvent] = []
    private let isWoken = Atomic(false)

    package override init() {}

    // MARK: The test's side

    package func makeSocket(room: Int = .max) -> Int32 {
        defer { nextDescriptor += 1 }
        sockets[nextDescriptor] = Socket(room: room)
        return nextDescriptor
    }

    /// The peer has read: there is room for this many bytes more.
    package func makeRoom(_ descriptor: Int32, _ bytes: Int) {
        sockets[descriptor]!.room += bytes
        guard sockets[descriptor]!.wasFull, let tag = sockets[descriptor]!.tag else { return }
        sockets[descriptor]!.wasFull = false
        edges.append(ReadyEvent(tag: tag, readiness: .writable))
    }

    package func hangUp(_ descriptor: Int32, timedOut: Bool = false) {
        sockets[descriptor]!.isPeerGone = true
        sockets[descriptor]!.hasTimedOut = timedOut
        if let tag = sockets[descriptor]!.tag { edges.append(ReadyEvent(tag: tag, readiness: .hangUp)) }
    }

    /// The peer ends its sending side, and continues to read.
    package func halfClose(_ descriptor: Int32) {
        sockets[descriptor]!.isPeerFinished = true
        if let tag = sockets[descriptor]!.tag { edges.append(ReadyEvent(tag: tag, readiness: .readable)) }
    }

    /// The connection is broken, but that was not reported: the next send will fail.
    package func breakSilently(_ descriptor: Int32) { sockets[descriptor]!.isPeerGone = true }

    package func receive(_ descriptor: Int32, bytes: Int) {
        sockets[descriptor]!.input += bytes
        if let tag = sockets[descriptor]!.tag { edges.append(ReadyEvent(tag: tag, readiness: .readable)) }
    }

    /// The kernel sends some of the data that it holds, but not enough to make room.
    package func trickle(_ descriptor: Int32) { sockets[descriptor]!.lastSent = time }

    package func setSilence(_ descriptor: Int32, milliseconds: Int64) {
        sockets[descriptor]!.silenceMilliseconds = milliseconds
    }

    /// Returns what was sent since the last call.
    package func takeSent(_ descriptor: Int32) -> [UInt8] {
        defer { sockets[descriptor]!.sent = [] }
        return sockets[descriptor]!.sent
    }

    package func advance(nanoseconds: Int64) { clock.wrappingAdd(nanoseconds, ordering: .relaxed) }

    /// Time passes while the machine runs other threads.
    package func delay(nanoseconds: Int64) {
        clock.wrappingAdd(nanoseconds, ordering: .relaxed)
        delay.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    // MARK: The loop's side

    package override func now() -> MonotonicNanoseconds { time }

    package override func runDelay() -> Nanoseconds { delay.load(ordering: .relaxed) }

    package override func processorTime() -> Nanoseconds { 0 }

    package override func runElsewhere(
        _ call: @escaping @Sendable () -> Void, of owner: AnyObject, died: @escaping @Sendable () -> Void
    ) { call() }

    package override func wait(timeout: Nanoseconds, into events: UnsafeMutableBufferPointer<ReadyEvent>) -> Int {
        if edges.isEmpty {
            let wasWoken = isWoken.exchange(false, ordering: .acquiring)
            if !wasWoken, timeout > 0 { clock.wrappingAdd(timeout, ordering: .relaxed) }
            return 0
        }
        let count = min(edges.count, events.count)
        for index in 0..<count { events[index] = edges[index] }
        edges.removeFirst(count)
        return count
    }

    /// Woken, and not asked to wait since. Any thread.
    package var isDue: Bool { isWoken.load(ordering: .acquiring) }

    package override func wakeUp() { isWoken.store(true, ordering: .releasing) }

    package override func add(_ descriptor: Int32, tag: UInt64) -> Int32 {
        if failuresToAdd > 0 {
            failuresToAdd -= 1
            return 28  // ENOSPC: no more watches
        }
        precondition(sockets[descriptor] != nil && !sockets[descriptor]!.isClosed, "only an open socket can be watched")
        sockets[descriptor]!.tag = tag
        let isGone = sockets[descriptor]!.isPeerGone
        var readiness: Readiness = isGone ? [.writable, .hangUp] : .writable
        if sockets[descriptor]!.isPeerFinished { readiness.insert(.readable) }
        edges.append(ReadyEvent(tag: tag, readiness: readiness))
        return 0
    }

    package override func rename(_ descriptor: Int32, tag: UInt64) -> Int32 {
        precondition(
            sockets[descriptor]!.tag != nil && !sockets[descriptor]!.isClosed, "only a watched socket is renamed")
        sockets[descriptor]!.tag = tag
        var readiness: Readiness = []
        if sockets[descriptor]!.room > 0 { readiness.insert(.writable) }
        if sockets[descriptor]!.input > 0 || sockets[descriptor]!.isPeerFinished { readiness.insert(.readable) }
        if sockets[descriptor]!.isPeerGone { readiness.insert(.hangUp) }
        if !readiness.isEmpty { edges.append(ReadyEvent(tag: tag, readiness: readiness)) }
        return 0
    }

    package override func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> SendOutcome {
        precondition(!sockets[descriptor]!.isClosed && !sockets[descriptor]!.isShutDown, "sent on a closed socket")
        if sockets[descriptor]!.isPeerGone { return .gone }
        let taken = min(bytes.count, sockets[descriptor]!.room)
        if taken < bytes.count { sockets[descriptor]!.wasFull = true }
        guard taken > 0 || bytes.isEmpty else { return .full }
        sockets[descriptor]!.sent.append(contentsOf: bytes.prefix(taken))
        sockets[descriptor]!.sends += 1
        if sockets[descriptor]!.room != .max { sockets[descriptor]!.room -= taken }
        return .sent(taken)
    }

    package override func dropInput(_ descriptor: Int32, limit: Int) -> InputOutcome {
        if sockets[descriptor]!.isPeerGone { return .broken }
        let dropped = min(limit, sockets[descriptor]!.input)
        sockets[descriptor]!.input -= dropped
        if dropped == 0, sockets[descriptor]!.isPeerFinished { return .finished }
        return .dropped(dropped)
    }

    package override func setWriteDeadline(_ descriptor: Int32, milliseconds: Int64) {}

    package override func silenceMilliseconds(of descriptor: Int32) -> Int64? {
        sockets[descriptor]!.silenceMilliseconds
    }

    package override func sendingPauseMilliseconds(of descriptor: Int32) -> Int64? {
        sockets[descriptor]!.lastSent.map { (time - $0) / 1_000_000 }
    }

    package override func hasTimedOut(_ descriptor: Int32) -> Bool { sockets[descriptor]!.hasTimedOut }

    package override func shutdownWriting(_ descriptor: Int32) { sockets[descriptor]!.isShutDown = true }

    package override func close(_ descriptor: Int32) {
        precondition(!sockets[descriptor]!.isClosed, "a socket is closed once")
        sockets[descriptor]!.isClosed = true
        sockets[descriptor]!.tag = nil
    }
}
