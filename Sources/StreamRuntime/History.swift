import DequeModule
import EventStream

/// Frames that were published together: every subscriber of every loop sends these same bytes.
final class FrameChunk: SharedBytes, @unchecked Sendable {
    // Unchecked: as what it inherits from.
    let frames: [FrameMark]
    /// The number of the last event up to and with each frame.
    let numbers: [UInt64]
    /// The newest reconnection time in them, in milliseconds; -1: none.
    let retry: Int64

    /// Copies marked frames, and gives those that are events and have no id one of the hub's own.
    init(_ output: borrowing FrameBuffer, numbering: inout HubNumbering) {
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
        retry = output.newestRetry
        super.init(owning: base, count: written)
    }

    func start(of frame: Int) -> Int { frame == 0 ? 0 : frames[frame - 1].end }

    func bytes(of frame: Int) -> UnsafeRawBufferPointer {
        let start = start(of: frame)
        return UnsafeRawBufferPointer(start: base + start, count: frames[frame].end - start)
    }

    /// The id of a frame, without its field name; `nil` if it has none.
    func id(of frame: Int) -> UnsafeRawBufferPointer? {
        guard let length = frames[frame].idLength else { return nil }
        return UnsafeRawBufferPointer(start: base + frames[frame].idAt + 4, count: length)
    }
}

/// The ids that a hub gives where its producer gives none: `<epoch>-<n>`, strictly increasing.
struct HubNumbering: Sendable {
    /// Differs for each start of a server and each hub, so that an id of another one is recognised.
    let epoch: [UInt8]
    /// Of the event that was published last.
    private(set) var number: UInt64 = 0

    init(epoch: String) { self.epoch = Array(epoch.utf8) }

    /// "id: ", the epoch, "-", up to 20 digits, a line end.
    var lineBytesMax: Int { epoch.count + 26 }

    mutating func next() { number += 1 }

    mutating func advance(to newest: UInt64) { number = newest }

    /// Leaves room for the events that an older hub of this epoch may still publish.
    mutating func leap() { number = (number | 0xffff_ffff) + 1 }

    /// How many events lie between two numbers; `nil` if a leap does, as nobody knows how far it went.
    static func events(after old: UInt64, to new: UInt64) -> UInt64? { old >> 32 == new >> 32 ? new - old : nil }

    /// The id of an event, or of the place behind it.
    func id(_ number: UInt64) -> [UInt8] { epoch + Array("-\(number)".utf8) }

    /// Writes an id line.
    /// - Returns: the bytes of the id itself.
    func writeLine(to memory: UnsafeMutableRawPointer) -> Int {
        let bytes = memory.assumingMemoryBound(to: UInt8.self)
        var at = 0
        func put(_ byte: UInt8) {
            bytes[at] = byte
            at += 1
        }
        for byte in "id: ".utf8 { put(byte) }
        for byte in epoch { put(byte) }
        put(UInt8(ascii: "-"))
        for digit in String(number).utf8 { put(digit) }
        put(UInt8(ascii: "\n"))
        return at - 5
    }

    /// The number in an id that a hub of this epoch made.
    func number(in id: [UInt8]) -> UInt64? {
        guard id.count > epoch.count + 1, id.count <= epoch.count + 21, id.starts(with: epoch),
            id[epoch.count] == UInt8(ascii: "-")
        else { return nil }
        let digits = id[(epoch.count + 1)...]
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// `true` for what any hub might have made: such an id means nothing to a producer.
    static func isHostMade(_ id: String) -> Bool {
        let parts = id.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].count == epochDigits && parts[0].allSatisfy(isEpochDigit)
            && !parts[1].isEmpty && parts[1].count <= 20 && parts[1].allSatisfy { $0 >= 48 && $0 <= 57 }
    }

    private static let epochDigits = 12
    private static func isEpochDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...122).contains(byte) }

    /// A new epoch: the wall clock at the start in microseconds, and a count, in base 36. A server that makes fewer than 64 hubs
    /// in each microsecond of its life leaves no epoch to the next one that it has used itself.
    static func newEpoch(microseconds: UInt64, serial: UInt64) -> String {
        let text = String(microseconds &* 64 &+ serial, radix: 36)
        return String(repeating: "0", count: max(0, epochDigits - text.count)) + text.suffix(epochDigits)
    }
}

/// A hub's ring of recent frames, bounded in frames and bytes. A place in it is a number that only grows.
struct History: Sendable {
    private struct Held: Sendable {
        let chunk: FrameChunk
        let frame: Int32
    }

    private let maxEvents: Int
    private let maxBytes: Int
    private var held: Deque<Held> = []
    private var bytesHeld = 0
    /// The place of the oldest frame that is held.
    private(set) var first: Int64 = 0
    /// The newest reconnection time that the producer gave, in milliseconds; -1: none.
    private(set) var retry: Int64 = -1

    /// - Parameter maxEvents: at least 1.
    init(maxEvents: Int, maxBytes: Int) {
        self.maxEvents = maxEvents
        self.maxBytes = maxBytes
    }

    /// The same history in memory of its own, for another loop: two loops that shared it until one of them appends would both have to
    /// copy it then, and would meet in it.
    var separate: History {
        var copy = self
        copy.held = Deque(minimumCapacity: held.count)
        copy.held.append(contentsOf: held)
        return copy
    }

    var count: Int { held.count }
    /// The place of the next frame that will come.
    var end: Int64 { first + Int64(held.count) }

    mutating func append(_ chunk: FrameChunk) {
        if chunk.retry >= 0 { retry = chunk.retry }
        for frame in 0..<chunk.frames.count {
            held.append(Held(chunk: chunk, frame: Int32(frame)))
            bytesHeld += chunk.bytes(of: frame).count
            // The newest stays, however large it is.
            while held.count > maxEvents || (bytesHeld > maxBytes && held.count > 1) {
                let oldest = held.removeFirst()
                bytesHeld -= oldest.chunk.bytes(of: Int(oldest.frame)).count
                first += 1
            }
        }
    }

    private subscript(place: Int64) -> Held { held[Int(place - first)] }

    func bytes(at place: Int64) -> UnsafeRawBufferPointer {
        let one = self[place]
        return one.chunk.bytes(of: Int(one.frame))
    }

    /// From a place to the end of the chunk that it is in.
    func chunk(at place: Int64) -> (bytes: SharedSlice, end: Int64) {
        let one = self[place]
        let bytes = SharedSlice(shared: one.chunk, range: one.chunk.start(of: Int(one.frame))..<one.chunk.count)
        return (bytes, place + Int64(one.chunk.frames.count - Int(one.frame)))
    }

    func id(at place: Int64) -> UnsafeRawBufferPointer? {
        let one = self[place]
        return one.chunk.id(of: Int(one.frame))
    }

    private func number(at place: Int64) -> UInt64 {
        let one = self[place]
        return one.chunk.numbers[Int(one.frame)]
    }

    /// The number of the newest event that is not held any more.
    private var newestGone: UInt64 {
        let oldest = held[0]
        let number = oldest.chunk.numbers[Int(oldest.frame)]
        return oldest.chunk.frames[Int(oldest.frame)].isEvent ? number - 1 : number
    }

    /// The id of the oldest frame that has one.
    var oldestID: String? {
        var place = first
        while place < end {
            if let id = id(at: place) { return String(decoding: id, as: UTF8.self) }
            place += 1
        }
        return nil
    }

    /// The newest id that the producer made.
    var newestProducerID: String? {
        var place = end
        while place > first {
            place -= 1
            guard let bytes = id(at: place) else { continue }
            let id = String(decoding: bytes, as: UTF8.self)
            if !HubNumbering.isHostMade(id) { return id }
        }
        return nil
    }

    /// Where a subscriber begins, and what it missed.
    enum Start: Equatable {
        case at(Int64)
        /// Its id is not held: it gets all that is, after a notice. `lost`: how many events are missing, if that can be known.
        case gap(from: Int64, lost: UInt64?)
    }

    /// The id behind which a place lies: that of the last frame before it, or one that the hub makes for it.
    func anchor(at place: Int64, numbering: HubNumbering) -> [UInt8] {
        var before = place
        while before > first {
            before -= 1
            guard let id = id(at: before) else { continue }
            // An empty one resets the client's, and it would come back without.
            return id.isEmpty ? numbering.id(number(at: before)) : Array(id)
        }
        return numbering.id(place < end ? newestGone : numbering.number)
    }

    /// Right behind an id.
    func start(after id: [UInt8], numbering: HubNumbering) -> Start {
        if let number = numbering.number(in: id) { return start(afterNumber: number, latest: numbering.number) }
        var place = end
        while place > first {
            place -= 1
            if let known = self.id(at: place), known.elementsEqual(id) { return .at(place + 1) }
        }
        return .gap(from: first, lost: nil)
    }

    private func start(afterNumber number: UInt64, latest: UInt64) -> Start {
        guard number <= latest else { return .gap(from: first, lost: nil) }
        guard count > 0 else {
            return number == latest ? .at(end) : .gap(from: end, lost: HubNumbering.events(after: number, to: latest))
        }
        // Numbers grow with the places: a binary search for the first frame behind the number.
        var (low, high) = (first, end)
        while low < high {
            let middle = low + (high - low) / 2
            if self.number(at: middle) > number { high = middle } else { low = middle + 1 }
        }
        guard low == first else { return .at(low) }
        let gone = newestGone
        return gone <= number ? .at(first) : .gap(from: first, lost: HubNumbering.events(after: number, to: gone))
    }

    /// With so many of the last frames before a place.
    func start(last count: Int, before place: Int64) -> Int64 { max(first, place - Int64(clamping: count)) }
}
