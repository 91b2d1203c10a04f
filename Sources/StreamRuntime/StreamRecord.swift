import EventStream
import StreamLoop
import Synchronization

/// One stream and its subscriber, as a struct in its loop's table. The gate is for any thread; the rest is the loop's alone.
struct StreamRecord: ~Copyable {
    /// What other threads may ask of a stream, under a lock of four bytes that is never taken to move an event.
    struct Gate {
        /// How often the slot was used: a token with another epoch is stale.
        var epoch: UInt32 = 0
        var isLive = false
        /// The loop has been told, and has not looked yet.
        var isWakePending = false
        var isCancelled = false
        /// `opened` may come.
        var isOpening = false
        /// `closed` may come.
        var isClosing = false
        var isThreaded = false
        var entry: ProducerEntry?
        var handoff: Handoff?
    }

    enum Source: UInt8 {
        /// `open` was not called yet, or has not answered.
        case opening
        case open
        /// `close` was called, or its thread was told to.
        case closing
        /// Closed, or never opened.
        case over
    }

    enum Link: UInt8 {
        /// The front door has the connection.
        case waiting
        case connected
        /// What is left is sent, then the connection ends.
        case ending
        /// All is sent; the peer has a moment to close its side.
        case lingering
        case none
    }

    let gate = Mutex(Gate())

    var epoch: UInt32 = 0
    var source = Source.over
    var link = Link.none
    var isThreaded = false
    /// `open` has answered "later".
    var isPending = false
    /// Stands in the loop's run queue.
    var isQueued = false
    /// A sink has bytes that it did not send yet.
    var isSinkBusy = false
    /// How many calls are scheduled for it on the loop.
    var calls: Int32 = 0
    /// It was reported that the stream does not end.
    var isReportedStuck = false
    var descriptor: Int32 = -1
    /// Bytes of input dropped since the connection came.
    var dropped: Int32 = 0
    var entry: ProducerEntry?
    var state: UnsafeMutableRawPointer?
    var handoff: Handoff?
    var door: (any OpenAnswering)?
    var sink: (any FrameSink)?
    /// What the socket did not take: from `pendingStart` to `pendingEnd` of this memory.
    var pending: UnsafeMutableRawPointer?
    var pendingStart: UInt32 = 0
    var pendingEnd: UInt32 = 0
    var reason: CloseReason?
    /// When `pull` is worth calling; `Int64.max`: only when woken.
    var nextDue: Int64 = 0
    /// When the subscriber last took a byte; while lingering or closing, when that began.
    var lastActivity: Int64 = 0
    var openedAt: Int64 = 0
    var closingSince: Int64 = 0
    var events = 0
    var bytes = 0
    var peer = ""

    init() {}

    var hasPending: Bool { pending != nil || isSinkBusy }
}

/// The streams of one loop, in chunks that never move or go: a record's address is good for ever, a token tells whose it is.
final class StreamTable: @unchecked Sendable {
    // Unchecked: free slots are behind the lock; chunks are published by it and never change; a record has its own rules.
    private static let chunkSize = 256
    private static let chunkCount = 1 << 16
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<StreamRecord>?>
    private let free = Mutex(Free())

    private struct Free {
        var slots: [UInt32] = []
        /// Slot 0 is the loop's own.
        var next: UInt32 = 1
        var inUse = 0
    }

    init() {
        // 512 KiB of addresses; the pages that are never touched cost nothing.
        chunks = .allocate(capacity: Self.chunkCount)
        chunks.initialize(repeating: nil, count: Self.chunkCount)
    }

    deinit {
        for index in 0..<Self.chunkCount {
            guard let chunk = chunks[index] else { break }
            chunk.deinitialize(count: Self.chunkSize)
            chunk.deallocate()
        }
        chunks.deallocate()
    }

    /// Any thread.
    /// - Returns: `nil` when there are 2^24 streams.
    func allocate() -> UInt32? {
        free.withLock { free in
            if let slot = free.slots.popLast() {
                free.inUse += 1
                return slot
            }
            let slot = free.next
            guard Int(slot) < Self.chunkSize * Self.chunkCount else { return nil }
            if chunks[Int(slot) / Self.chunkSize] == nil {
                let chunk = UnsafeMutablePointer<StreamRecord>.allocate(capacity: Self.chunkSize)
                for index in 0..<Self.chunkSize { (chunk + index).initialize(to: StreamRecord()) }
                chunks[Int(slot) / Self.chunkSize] = chunk
            }
            free.next += 1
            free.inUse += 1
            return slot
        }
    }

    /// - Returns: how many slots are still in use.
    @discardableResult
    func release(_ slot: UInt32) -> Int {
        free.withLock { free in
            free.slots.append(slot)
            free.inUse -= 1
            return free.inUse
        }
    }

    var inUse: Int { free.withLock { $0.inUse } }
    /// All slots ever used are below this one.
    var end: UInt32 { free.withLock { $0.next } }

    /// The record of a slot that was allocated.
    @inline(__always)
    subscript(slot: UInt32) -> UnsafeMutablePointer<StreamRecord> {
        chunks[Int(slot) / Self.chunkSize].unsafelyUnwrapped + Int(slot) % Self.chunkSize
    }

    /// The record of a slot that anybody may have made up.
    func record(ifAllocated slot: UInt32) -> UnsafeMutablePointer<StreamRecord>? {
        guard slot > 0, let chunk = chunks[Int(slot) / Self.chunkSize] else { return nil }
        return chunk + Int(slot) % Self.chunkSize
    }
}
