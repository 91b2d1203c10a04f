/// Encoded frames, one after the other, in memory that is reused: the only place that an event's bytes are copied to.
///
/// Not thread-safe; belongs to one loop, or has a lock.
package struct FrameBuffer: ~Copyable {
    /// The memory; the first `count` bytes are frames.
    package private(set) var base: UnsafeMutableRawPointer
    package private(set) var count = 0
    package private(set) var capacity: Int
    /// Frames appended since the last `removeAll`.
    package private(set) var frameCount = 0
    /// Each frame is a chunk of an HTTP/1.1 message: see `Chunk`.
    package let isChunked: Bool
    /// Whether `marks` says where each frame is: for frames that are kept and found again.
    package var isMarked = false
    /// All offsets into the memory, and what is there.
    private var places = FramePlaces()

    package init(capacity: Int, isChunked: Bool = false) {
        precondition(capacity > 0, "a frame buffer needs room")
        self.capacity = capacity
        self.isChunked = isChunked
        base = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { base.deallocate() }

    package var isEmpty: Bool { count == 0 }

    /// The frames, valid until the next mutation.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Makes room for `extra` more bytes and returns their address; `commit` sets how many were written.
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

    package var marks: [FrameMark] { places.marks }

    /// The id of the newest frame that has one, valid until the next mutation; `nil` if none has.
    package var newestID: UnsafeRawBufferPointer? {
        places.newestID.map { UnsafeRawBufferPointer(start: base + $0.lowerBound, count: $0.count) }
    }

    /// The newest reconnection time that a producer gave in these frames, in milliseconds; -1: none.
    package var newestRetryMilliseconds: Int64 { places.newestRetryMilliseconds }

    /// Appends the content of another buffer: frames, marks, and the newest id and reconnection time.
    package mutating func append(framesOf other: borrowing FrameBuffer) {
        precondition(isChunked == other.isChunked, "frames are chunks, or they are not")
        places.append(other.places, movedBy: count)
        append(other.bytes)
        frameCount += other.frameCount
    }

    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(byte: UInt8) {
        reserve(1).storeBytes(of: byte, as: UInt8.self)
        commit(1)
    }

    package mutating func removeAll() {
        count = 0
        frameCount = 0
        places.removeAll()
    }

    // MARK: Frames

    /// Begins a frame, whose bytes are appended from here on; `endFrame` or `cancelFrame` must follow.
    /// - Returns: the offset of its first byte.
    @inline(__always)
    package mutating func beginFrame() -> Int {
        if isChunked {
            _ = reserve(Chunk.headCount)
            count &+= Chunk.headCount
        }
        return count
    }

    /// The frame that began at `start` is complete.
    @inline(__always)
    package mutating func endFrame(from start: Int) {
        frameCount &+= 1
        guard isChunked else { return }
        Chunk.writeHead(size: count &- start, to: base + start - Chunk.headCount)
        Chunk.writeTail(to: reserve(Chunk.tailCount))
        count &+= Chunk.tailCount
    }

    /// The same for an event of a producer.
    /// - Parameters:
    ///   - idAt: the offset of its id line, or where one would be.
    ///   - idLength: the bytes of the id itself; `nil` if it has none.
    ///   - isEvent: it has data.
    ///   - retryMilliseconds: the reconnection time in it; negative: none.
    @inline(__always)
    mutating func endFrame(from start: Int, idAt: Int, idLength: Int?, isEvent: Bool, retryMilliseconds: Int64) {
        endFrame(from: start)
        if retryMilliseconds >= 0 { places.noteRetry(retryMilliseconds, at: start) }
        if let idLength { places.noteID(at: idAt &+ LineStart.id.count, count: idLength) }
        if isMarked {
            places.marks.append(FrameMark(end: count, idAt: idAt, idLength: idLength, isEvent: isEvent))
        }
    }

    /// The frame that began at `start` turned out to be invalid: removes its bytes.
    mutating func cancelFrame(from start: Int) {
        truncate(to: isChunked ? start - Chunk.headCount : start)
    }

    /// Drops what was appended to an unfinished frame after `count` was `length`.
    mutating func truncate(to length: Int) {
        precondition(length <= count, "a buffer is cut, not extended")
        count = length
    }

    /// Appends a frame of the host's own.
    package mutating func append(frame bytes: UnsafeRawBufferPointer) {
        let start = beginFrame()
        append(bytes)
        endFrame(from: start)
    }

    /// Drops whole frames from the front, the oldest, until at most `bytes` are left, or only those from `end` on.
    /// - Returns: how many frames.
    package mutating func removeFirstFrames(leaving bytes: Int, before end: Int) -> Int {
        precondition(isChunked, "only a chunk says where it ends")
        var cut = 0
        var frames = 0
        while cut < end, count - cut > bytes {
            cut += Chunk.size(at: base + cut) + Chunk.overhead
            frames += 1
        }
        guard cut > 0 else { return 0 }
        count -= cut
        base.copyMemory(from: base + cut, byteCount: count)
        frameCount -= frames
        places.removeFirst(cut)
        return frames
    }

    /// Keeps only the content of the chunks from `start` on: for a response that is not sent in chunks.
    package mutating func removeChunks(from start: Int = 0) {
        precondition(isChunked, "there are none")
        var read = start
        var written = start
        while read < count {
            let size = Chunk.size(at: base + read)
            (base + written).copyMemory(from: base + read + Chunk.headCount, byteCount: size)
            written += size
            read += size + Chunk.overhead
        }
        count = written
        places.removeAll()
    }

    /// Ends the chunked body.
    package mutating func appendLastChunk() { append("0\r\n\r\n") }

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
