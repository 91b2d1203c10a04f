import EventStream
import Locks
import ProducerInterface

/// What other threads may ask of a stream, under a lock of four bytes. An `emit` takes the lock to find the queue; the
/// loop moves events without it. The gate is separate from the row, which only the loop uses.
struct StreamGate {
    var entry: ProducerEntry?
    var handoff: Handoff?
    private var flags = Flags()
    /// Calls that are scheduled for the stream and have not run.
    var scheduledCalls: UInt16 = 0

    // Two bytes for all flags, because each subscriber has a gate.
    private struct Flags: OptionSet {
        let rawValue: UInt16
        static let live = Flags(rawValue: 1)
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
    var isCancelled: Bool {
        get { self[.cancelled] }
        set { self[.cancelled] = newValue }
    }
    /// `opened` may be called.
    var isOpening: Bool {
        get { self[.opening] }
        set { self[.opening] = newValue }
    }
    /// `closed` may be called.
    var isClosing: Bool {
        get { self[.closing] }
        set { self[.closing] = newValue }
    }
    var isThreaded: Bool {
        get { self[.threaded] }
        set { self[.threaded] = newValue }
    }
    /// The stream rests: an emit finds no room.
    var isResting: Bool {
        get { self[.resting] }
        set { self[.resting] = newValue }
    }
    /// An emit found no room while the stream rested.
    var isRoomWanted: Bool {
        get { self[.roomWanted] }
        set { self[.roomWanted] = newValue }
    }
    /// The stream of a hub: its frames are marked.
    var isShared: Bool {
        get { self[.shared] }
        set { self[.shared] = newValue }
    }
}

/// The streams of one loop, in chunks that never move and are never freed before the table: a row's address stays
/// valid, and a token tells whose the row is.
final class StreamTable: @unchecked Sendable {
    // Unchecked: free slots are protected by the lock; chunks are published under it and never change; a row has its
    // own rules.
    private static let chunkSize = 512
    private static let chunkCount = 1 << 15
    private let chunks: UnsafeMutablePointer<Chunk?>
    private let free = QuickMutex(Free())

    /// One allocation in whole pages: the allocator gives back no more than a page around it to the system.
    private struct Chunk {
        let rows: UnsafeMutablePointer<StreamRow>
        private let cells: UnsafeMutableRawPointer

        init() {
            let size = StreamTable.chunkSize
            let rowBytes = MemoryLayout<StreamRow>.stride * size
            let memory = UnsafeMutableRawPointer.allocate(
                byteCount: rowBytes + StreamCell.bytes * size, alignment: 4096)
            rows = memory.bindMemory(to: StreamRow.self, capacity: size)
            cells = memory + rowBytes
            for index in 0..<size {
                (rows + index).initialize(to: StreamRow())
                cell(index).initialize()
            }
        }

        @inline(__always)
        func cell(_ index: Int) -> StreamCell { StreamCell(at: cells + index * StreamCell.bytes) }

        func deallocate() {
            rows.deinitialize(count: StreamTable.chunkSize)
            for index in 0..<StreamTable.chunkSize { cell(index).deinitialize() }
            rows.deallocate()
        }
    }

    private struct Free {
        var slots: [UInt32] = []
        /// Slot 0 belongs to the loop itself.
        var next: UInt32 = 1
        var inUse = 0
    }

    init() {
        // 512 KiB of address space; pages that are never touched cost nothing.
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
    /// - Returns: `nil` if all 2^24 - 1 slots are in use.
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
    /// All slots that were ever used are below this one.
    var end: UInt32 { free.withLock { $0.next } }

    /// The row of a slot that was allocated.
    @inline(__always)
    subscript(slot: UInt32) -> UnsafeMutablePointer<StreamRow> {
        chunks[Int(slot) / Self.chunkSize].unsafelyUnwrapped.rows + Int(slot) % Self.chunkSize
    }

    /// Any thread. Runs the body with the gate of a slot that was allocated.
    @inline(__always)
    func withGate<Result>(_ slot: UInt32, _ body: (inout StreamGate) -> Result) -> Result {
        cell(of: slot).withGate(body)
    }

    /// Any thread. Runs the body with the gate of a stream that is not over. The token can be an invented one.
    /// - Returns: `nil` if the stream is over, or never existed.
    @inline(__always)
    func withGate<Result>(of token: StreamToken, _ body: (inout StreamGate) -> Result) -> Result? {
        guard let cell = cell(ifAllocated: token.slot) else { return nil }
        return cell.withGate { gate in
            // A new use of the slot begins under the same lock.
            guard gate.isLive, cell.mark.pointee.epoch == token.epoch else { return nil }
            return body(&gate)
        }
    }

    /// Any thread. Begins a new use of a slot that was allocated.
    /// - Returns: its epoch.
    func beginUse(_ slot: UInt32, with gate: StreamGate) -> UInt32 {
        let cell = cell(of: slot)
        return cell.withGate {
            $0 = gate
            let epoch = cell.mark.pointee.epoch &+ 1
            cell.mark.pointee.epoch = epoch == 0 ? 1 : epoch
            return cell.mark.pointee.epoch
        }
    }

    /// Any thread. Marks a stream as woken. The token can be an invented one.
    @inline(__always)
    func markWoken(_ token: StreamToken) -> WakeMark.Outcome {
        cell(ifAllocated: token.slot)?.mark.pointee.set(epoch: token.epoch) ?? .notDirect
    }

    /// For the loop only: takes back the mark of a slot that is in use.
    /// - Returns: whether the stream was woken.
    func takeWake(_ slot: UInt32) -> Bool { cell(of: slot).mark.pointee.take() }

    @inline(__always)
    func cell(of slot: UInt32) -> StreamCell {
        chunks[Int(slot) / Self.chunkSize].unsafelyUnwrapped.cell(Int(slot) % Self.chunkSize)
    }

    @inline(__always)
    private func cell(ifAllocated slot: UInt32) -> StreamCell? {
        guard slot > 0, let chunk = chunks[Int(slot) / Self.chunkSize] else { return nil }
        return chunk.cell(Int(slot) % Self.chunkSize)
    }

    /// The row of a slot whose number can be an invented one.
    func row(ifAllocated slot: UInt32) -> UnsafeMutablePointer<StreamRow>? {
        guard slot > 0, let chunk = chunks[Int(slot) / Self.chunkSize] else { return nil }
        return chunk.rows + Int(slot) % Self.chunkSize
    }
}
