import EventStream
import Synchronization

/// What other threads may ask of a stream, under a lock of four bytes that is never taken to move an event. It lies apart from the
/// record, which is the loop's alone.
struct StreamGate {
    /// How often the slot was used: a token with another epoch is stale.
    var epoch: UInt32 = 0
    private var flags = Flags()
    var entry: ProducerEntry?
    var handoff: Handoff?

    // Two bytes for all, because each subscriber has a gate.
    private struct Flags: OptionSet {
        let rawValue: UInt16
        static let live = Flags(rawValue: 1)
        static let wakePending = Flags(rawValue: 2)
        static let cancelled = Flags(rawValue: 4)
        static let opening = Flags(rawValue: 8)
        static let closing = Flags(rawValue: 16)
        static let threaded = Flags(rawValue: 32)
        static let shared = Flags(rawValue: 64)
        static let resting = Flags(rawValue: 128)
        static let roomWanted = Flags(rawValue: 256)
    }

    private subscript(flag: Flags) -> Bool {
        get { flags.contains(flag) }
        set { if newValue { flags.insert(flag) } else { flags.remove(flag) } }
    }

    var isLive: Bool {
        get { self[.live] }
        set { self[.live] = newValue }
    }
    /// The loop has been told, and has not looked yet.
    var isWakePending: Bool {
        get { self[.wakePending] }
        set { self[.wakePending] = newValue }
    }
    var isCancelled: Bool {
        get { self[.cancelled] }
        set { self[.cancelled] = newValue }
    }
    /// `opened` may come.
    var isOpening: Bool {
        get { self[.opening] }
        set { self[.opening] = newValue }
    }
    /// `closed` may come.
    var isClosing: Bool {
        get { self[.closing] }
        set { self[.closing] = newValue }
    }
    var isThreaded: Bool {
        get { self[.threaded] }
        set { self[.threaded] = newValue }
    }
    /// It rests: an emit finds no room.
    var isResting: Bool {
        get { self[.resting] }
        set { self[.resting] = newValue }
    }
    /// An emit found no room while it rested.
    var isRoomWanted: Bool {
        get { self[.roomWanted] }
        set { self[.roomWanted] = newValue }
    }
    /// A hub's source: its frames are marked.
    var isShared: Bool {
        get { self[.shared] }
        set { self[.shared] = newValue }
    }
}

/// The streams of one loop, in chunks that never move or go: a record's address is good for ever, a token tells whose it is.
final class StreamTable: @unchecked Sendable {
    // Unchecked: free slots are behind the lock; chunks are published by it and never change; a record has its own rules.
    private static let chunkSize = 512
    private static let chunkCount = 1 << 15
    private let chunks: UnsafeMutablePointer<Chunk?>
    private let free = Mutex(Free())

    /// One allocation, in whole pages: what the allocator gives back to the system around it is no more than a page.
    private struct Chunk {
        let records: UnsafeMutablePointer<StreamRecord>
        let gates: UnsafeMutablePointer<Mutex<StreamGate>>

        init() {
            let size = StreamTable.chunkSize
            let recordBytes = MemoryLayout<StreamRecord>.stride * size
            let gateBytes = MemoryLayout<Mutex<StreamGate>>.stride * size
            let memory = UnsafeMutableRawPointer.allocate(byteCount: recordBytes + gateBytes, alignment: 4096)
            records = memory.bindMemory(to: StreamRecord.self, capacity: size)
            gates = (memory + recordBytes).bindMemory(to: Mutex<StreamGate>.self, capacity: size)
            for index in 0..<size {
                (records + index).initialize(to: StreamRecord())
                (gates + index).initialize(to: Mutex(StreamGate()))
            }
        }

        func deallocate() {
            records.deinitialize(count: StreamTable.chunkSize)
            gates.deinitialize(count: StreamTable.chunkSize)
            records.deallocate()
        }
    }

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
            if chunks[Int(slot) / Self.chunkSize] == nil { chunks[Int(slot) / Self.chunkSize] = Chunk() }
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
        chunks[Int(slot) / Self.chunkSize].unsafelyUnwrapped.records + Int(slot) % Self.chunkSize
    }

    /// Any thread. Runs the body with the gate of a slot that was allocated.
    @inline(__always)
    func withGate<Result>(_ slot: UInt32, _ body: (inout StreamGate) -> Result) -> Result {
        gate(of: slot, in: chunks[Int(slot) / Self.chunkSize].unsafelyUnwrapped).pointee.withLock { body(&$0) }
    }

    /// Any thread. Runs the body with the gate of a slot that anybody may have made up.
    /// - Returns: `nil` if there is none.
    func withGate<Result>(ifAllocated slot: UInt32, _ body: (inout StreamGate) -> Result?) -> Result? {
        guard slot > 0, let chunk = chunks[Int(slot) / Self.chunkSize] else { return nil }
        return gate(of: slot, in: chunk).pointee.withLock { body(&$0) }
    }

    @inline(__always)
    private func gate(of slot: UInt32, in chunk: Chunk) -> UnsafeMutablePointer<Mutex<StreamGate>> {
        chunk.gates + Int(slot) % Self.chunkSize
    }
    /// The record of a slot that anybody may have made up.
    func record(ifAllocated slot: UInt32) -> UnsafeMutablePointer<StreamRecord>? {
        guard slot > 0, let chunk = chunks[Int(slot) / Self.chunkSize] else { return nil }
        return chunk.records + Int(slot) % Self.chunkSize
    }
}
