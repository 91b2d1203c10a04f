import ProducerInterface
import SystemCalls

/// One call that a producer requested with `schedule`.
struct ScheduledCall: Sendable {
    let due: MonotonicNanoseconds
    let order: UInt64
    let stream: StreamToken
    let call: ProducerCall
}

/// Calls in the order of their time and, if that is equal, of their scheduling: a binary heap.
struct ScheduledCalls {
    private var heap: [ScheduledCall] = []
    private var nextOrder: UInt64 = 0

    var count: Int { heap.count }
    var earliest: MonotonicNanoseconds { heap.first?.due ?? .max }

    mutating func insert(due: MonotonicNanoseconds, stream: StreamToken, _ call: ProducerCall) {
        insert(ScheduledCall(due: due, order: nextOrder, stream: stream, call: call))
        nextOrder += 1
    }

    /// Puts back a call that was taken out, in its old place.
    mutating func insert(_ call: ScheduledCall) {
        heap.append(call)
        var place = heap.count - 1
        while place > 0, Self.isBefore(heap[place], heap[(place - 1) / 2]) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes out the first call that is due.
    mutating func popDue(at now: MonotonicNanoseconds) -> ScheduledCall? {
        guard let first = heap.first, first.due <= now else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        var place = 0
        while true {
            var child = place * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, Self.isBefore(heap[child + 1], heap[child]) { child += 1 }
            guard Self.isBefore(heap[child], last) else { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = last
        return first
    }

    /// Takes out all calls of one stream, in their order: they move with it.
    mutating func remove(of stream: StreamToken) -> [ScheduledCall] {
        let removed = heap.filter { $0.stream == stream }.sorted(by: Self.isBefore)
        if !removed.isEmpty { keep { $0.stream != stream } }
        return removed
    }

    /// Drops all other calls.
    mutating func keep(_ isKept: (ScheduledCall) -> Bool) {
        // A sorted array is a heap.
        heap = heap.filter(isKept).sorted(by: Self.isBefore)
    }

    /// Takes out all calls, in their order.
    mutating func removeAll() -> [ScheduledCall] {
        defer { heap = [] }
        return heap.sorted(by: Self.isBefore)
    }

    private static func isBefore(_ a: ScheduledCall, _ b: ScheduledCall) -> Bool {
        a.due != b.due ? a.due < b.due : a.order < b.order
    }
}
