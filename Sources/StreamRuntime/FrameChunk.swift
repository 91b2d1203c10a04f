import EventStream
import SystemCalls

/// Frames that were published together. All subscribers on all loops are sent these same bytes.
final class FrameChunk: SharedBytes, @unchecked Sendable {
    // Unchecked: for the same reason as its superclass.
    let frames: [FrameMark]
    /// For each frame, the number of the last event up to and including it.
    let numbers: [UInt64]
    /// The newest reconnection time in the frames, in milliseconds; -1: none.
    let retryMilliseconds: Int64
    /// When the frames were published.
    let publishedAt: MonotonicNanoseconds

    /// Copies marked frames, and gives each event that has no id one of the hub's own.
    init(_ output: borrowing FrameBuffer, numbering: inout HubNumbering, at publishedAt: MonotonicNanoseconds) {
        let lines = output.marks.count { $0.isEvent && $0.idLength == nil }
        let capacity = output.count + lines * numbering.lineBytesMax
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(1, capacity), alignment: 16)
        var written = 0
        var read = 0
        var frames: [FrameMark] = []
        var numbers: [UInt64] = []
        frames.reserveCapacity(output.marks.count)
        numbers.reserveCapacity(output.marks.count)
        let source = output.bytes
        let target = base
        func copy(to end: Int) {
            guard end > read else { return }
            (target + written).copyMemory(from: source.baseAddress! + read, byteCount: end - read)
            written += end - read
            read = end
        }
        for mark in output.marks {
            let idAt = written + mark.idAt - read
            let start = written
            var idLength = mark.idLength
            if mark.isEvent {
                numbering.next()
                if idLength == nil {
                    copy(to: mark.idAt)
                    idLength = numbering.writeLine(to: target + written)
                    written += idLength! + 5
                }
            }
            copy(to: mark.end)
            if output.isChunked, idLength != mark.idLength {
                Chunk.writeHead(size: written - start - Chunk.overhead, to: target + start)
            }
            frames.append(FrameMark(end: written, idAt: idAt, idLength: idLength, isEvent: mark.isEvent))
            numbers.append(numbering.number)
        }
        self.frames = frames
        self.numbers = numbers
        retryMilliseconds = output.newestRetryMilliseconds
        self.publishedAt = publishedAt
        super.init(owning: base, count: written)
    }

    /// The size of the frames without the framing of HTTP.
    var payloadCount: Int { count - frames.count * Chunk.overhead }

    func start(of frame: Int) -> Int { frame == 0 ? 0 : frames[frame - 1].end }

    func bytes(of frame: Int) -> UnsafeRawBufferPointer {
        let start = start(of: frame)
        return UnsafeRawBufferPointer(start: base + start, count: frames[frame].end - start)
    }

    /// The id of a frame, without the field name; `nil` if it has none.
    func id(of frame: Int) -> UnsafeRawBufferPointer? {
        guard let length = frames[frame].idLength else { return nil }
        return UnsafeRawBufferPointer(start: base + frames[frame].idAt + 4, count: length)
    }
}
