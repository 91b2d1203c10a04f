import DequeModule
import EventStream
import SystemCalls

/// A ring of recent frames in memory, bounded in frames and bytes.
struct RingHistory: EventHistory {
    private struct Held: Sendable {
        let chunk: FrameChunk
        let frame: Int32
    }

    private let maxEvents: Int
    private let maxBytes: Int
    private var held: Deque<Held> = []
    private(set) var byteCount = 0
    private(set) var first: Int64 = 0
    private(set) var retryMilliseconds: Int64 = -1

    /// - Parameter maxEvents: at least 1.
    init(maxEvents: Int, maxBytes: Int) {
        self.maxEvents = maxEvents
        self.maxBytes = maxBytes
    }

    var separate: any EventHistory {
        var copy = self
        copy.held = Deque(minimumCapacity: held.count)
        copy.held.append(contentsOf: held)
        return copy
    }

    var count: Int { held.count }
    var end: Int64 { first + Int64(held.count) }

    mutating func append(_ chunk: FrameChunk) {
        if chunk.retryMilliseconds >= 0 { retryMilliseconds = chunk.retryMilliseconds }
        for frame in 0..<chunk.frames.count {
            held.append(Held(chunk: chunk, frame: Int32(frame)))
            byteCount += chunk.bytes(of: frame).count
            // The newest frame stays, however large it is.
            while held.count > maxEvents || (byteCount > maxBytes && held.count > 1) {
                let oldest = held.removeFirst()
                byteCount -= oldest.chunk.bytes(of: Int(oldest.frame)).count
                first += 1
            }
        }
    }

    private subscript(place: Int64) -> Held { held[Int(place - first)] }

    func bytes(at place: Int64) -> UnsafeRawBufferPointer {
        let one = self[place]
        return one.chunk.bytes(of: Int(one.frame))
    }

    func publishedAt(_ place: Int64) -> MonotonicNanoseconds { self[place].chunk.publishedAt }

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

    /// The number of the newest event that is no longer held.
    private var newestGone: UInt64 {
        let oldest = held[0]
        let number = oldest.chunk.numbers[Int(oldest.frame)]
        return oldest.chunk.frames[Int(oldest.frame)].isEvent ? number - 1 : number
    }

    var oldestID: String? {
        var place = first
        while place < end {
            if let id = id(at: place) { return String(decoding: id, as: UTF8.self) }
            place += 1
        }
        return nil
    }

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

    func anchor(at place: Int64, numbering: HubNumbering) -> [UInt8] {
        var before = place
        while before > first {
            before -= 1
            guard let id = id(at: before) else { continue }
            // An empty id resets the client's, which would then reconnect without one.
            return id.isEmpty ? numbering.id(number(at: before)) : Array(id)
        }
        return numbering.id(place < end ? newestGone : numbering.number)
    }

    func start(after id: [UInt8], numbering: HubNumbering) -> HistoryStart {
        if let number = numbering.number(in: id) { return start(afterNumber: number, latest: numbering.number) }
        var place = end
        while place > first {
            place -= 1
            if let known = self.id(at: place), known.elementsEqual(id) { return .at(place + 1) }
        }
        return .gap(from: first, lost: nil)
    }

    private func start(afterNumber number: UInt64, latest: UInt64) -> HistoryStart {
        guard number <= latest else { return .gap(from: first, lost: nil) }
        guard count > 0 else {
            return number == latest ? .at(end) : .gap(from: end, lost: HubNumbering.events(after: number, to: latest))
        }
        // Numbers grow with the places: a binary search for the first frame after the number.
        var (low, high) = (first, end)
        while low < high {
            let middle = low + (high - low) / 2
            if self.number(at: middle) > number { high = middle } else { low = middle + 1 }
        }
        guard low == first else { return .at(low) }
        let gone = newestGone
        return gone <= number ? .at(first) : .gap(from: first, lost: HubNumbering.events(after: number, to: gone))
    }
}
