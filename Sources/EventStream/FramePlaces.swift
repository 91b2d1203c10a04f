/// Where things are in a frame buffer: all offsets in one value, so that code that moves the bytes moves all of them.
struct FramePlaces {
    var marks: [FrameMark] = []
    /// The offset of the id of the newest frame that has one; -1: none has.
    private var idStart = -1
    private var idCount = 0
    /// The offset of the newest frame that gives a reconnection time; -1: none does.
    private var retryStart = -1
    /// That time, in milliseconds; -1: none.
    private(set) var newestRetryMilliseconds: Int64 = -1

    var newestID: Range<Int>? { idStart < 0 ? nil : idStart..<idStart + idCount }

    /// The newest frame has an id.
    /// - Parameter start: its offset, after the field's name.
    @inline(__always)
    mutating func noteID(at start: Int, count: Int) {
        idStart = start
        idCount = count
    }

    /// The newest frame, which begins at `start`, gives a reconnection time.
    mutating func noteRetry(_ retryMilliseconds: Int64, at start: Int) {
        retryStart = start
        newestRetryMilliseconds = retryMilliseconds
    }

    /// Adds the places of another buffer, whose bytes come after the first `offset` bytes of this one.
    mutating func append(_ others: FramePlaces, movedBy offset: Int) {
        for mark in others.marks { marks.append(mark.moved(by: offset)) }
        if others.idStart >= 0 { noteID(at: offset + others.idStart, count: others.idCount) }
        if others.retryStart >= 0 { noteRetry(others.newestRetryMilliseconds, at: offset + others.retryStart) }
    }

    /// The first `cut` bytes, which are whole frames, were removed.
    mutating func removeFirst(_ cut: Int) {
        marks.removeAll { $0.end <= cut }
        for index in marks.indices { marks[index] = marks[index].moved(by: -cut) }
        // The id and the time of a frame that was dropped were never sent.
        idStart = idStart < cut ? -1 : idStart - cut
        retryStart = retryStart < cut ? -1 : retryStart - cut
        if retryStart < 0 { newestRetryMilliseconds = -1 }
    }

    mutating func removeAll() {
        marks.removeAll(keepingCapacity: true)
        idStart = -1
        retryStart = -1
        newestRetryMilliseconds = -1
    }
}
