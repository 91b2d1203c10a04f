/// Encoded frames, one behind the other, in memory that is reused: the one place that an event's bytes are copied to.
///
/// Not thread-safe; lives on one loop, or behind a lock.
package struct FrameBuffer: ~Copyable {
    /// The memory; the first `count` bytes are frames.
    package private(set) var base: UnsafeMutableRawPointer
    package private(set) var count = 0
    package private(set) var capacity: Int
    /// Frames appended since the last `removeAll`.
    package var frameCount = 0
    /// Whether the encoder notes in `marks` where each frame is: for frames that are kept and found again.
    package var isMarked = false
    package var marks: [FrameMark] = []
    /// Where the id of the newest frame that has one lies, of those appended since the last `removeAll`; -1: none has.
    private var newestIDStart = -1
    private var newestIDCount = 0

    package init(capacity: Int) {
        precondition(capacity > 0, "a frame buffer needs room")
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { base.deallocate() }

    package var isEmpty: Bool { count == 0 }

    /// The frames, valid until the next mutation.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Makes room for `extra` more bytes and returns where they go; `commit` says how many were written.
    @inline(__always)
    package mutating func reserve(_ extra: Int) -> UnsafeMutableRawPointer {
        if capacity - count < extra { grow(extra) }
        return base + count
    }

    @inline(__always)
    package mutating func commit(_ written: Int) {
        count += written
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count).copyMemory(from: start, byteCount: bytes.count)
        count += bytes.count
    }

    /// The id of the newest frame that has one, valid until the next mutation; `nil` if none has.
    package var newestID: UnsafeRawBufferPointer? {
        newestIDStart < 0 ? nil : UnsafeRawBufferPointer(start: base + newestIDStart, count: newestIDCount)
    }

    /// The frame that was just appended has an id.
    /// - Parameter start: its offset, behind the field's name.
    @inline(__always)
    mutating func noteID(at start: Int, count: Int) {
        newestIDStart = start
        newestIDCount = count
    }

    /// Appends what another buffer holds: frames, marks, and which id is the newest.
    package mutating func append(framesOf other: borrowing FrameBuffer) {
        let offset = count
        append(other.bytes)
        frameCount += other.frameCount
        if other.newestIDStart >= 0 { noteID(at: offset + other.newestIDStart, count: other.newestIDCount) }
        for mark in other.marks { marks.append(mark.moved(by: offset)) }
    }

    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func removeAll() {
        count = 0
        frameCount = 0
        newestIDStart = -1
        marks.removeAll(keepingCapacity: true)
    }

    /// Drops what was appended since `count` was `length`: an event that turned out to be invalid leaves no bytes behind.
    package mutating func truncate(to length: Int) {
        precondition(length <= count, "a buffer is cut, not extended")
        count = length
    }

    /// Drops whole frames from the front, the oldest, until at most `bytes` are left or only what lies from `end` on is.
    /// - Returns: how many.
    package mutating func removeFirstFrames(leaving bytes: Int, before end: Int) -> Int {
        var cut = 0
        var frames = 0
        while cut < end, count - cut > bytes {
            cut = endOfFrame(from: cut)
            frames += 1
        }
        guard cut > 0 else { return 0 }
        count -= cut
        base.copyMemory(from: base + cut, byteCount: count)
        frameCount -= frames
        if isMarked {
            marks.removeFirst(frames)
            for index in marks.indices { marks[index] = marks[index].moved(by: -cut) }
        }
        return frames
    }

    /// Behind the empty line that ends the frame: it has none inside.
    private func endOfFrame(from start: Int) -> Int {
        var place = start
        while place + 1 < count {
            if base.loadUnaligned(fromByteOffset: place, as: UInt16.self) == 0x0A0A { return place + 2 }
            place += 1
        }
        return count
    }

    @inline(never)
    private mutating func grow(_ extra: Int) {
        let wanted = max(capacity * 2, count + extra)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 64)
        larger.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = larger
        capacity = wanted
    }
}
