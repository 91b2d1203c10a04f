package import SystemCalls

/// One deadline per slot, the earliest first: a 4-ary heap in which each slot knows its place, so that a deadline can
/// be changed in place. 20 bytes per slot.
package struct TimerHeap: ~Copyable {
    private struct Entry {
        var deadline: MonotonicNanoseconds
        var slot: UInt32
    }

    private var entries: UnsafeMutablePointer<Entry>
    private var count = 0
    private var capacity: Int
    /// The index of each slot's entry; -1: none.
    private var places: UnsafeMutablePointer<Int32>
    private var slots: Int

    package init() {
        capacity = 64
        slots = 64
        entries = .allocate(capacity: capacity)
        places = .allocate(capacity: slots)
        places.initialize(repeating: -1, count: slots)
    }

    deinit {
        entries.deallocate()
        places.deallocate()
    }

    package var isEmpty: Bool { count == 0 }

    /// The earliest deadline, or `Int64.max`.
    package var earliest: MonotonicNanoseconds { count == 0 ? .max : entries[0].deadline }

    /// The slot with the earliest deadline, if that is not after `now`. It stays in the heap until its deadline is
    /// changed.
    package func firstDue(at now: MonotonicNanoseconds) -> UInt32? {
        count > 0 && entries[0].deadline <= now ? entries[0].slot : nil
    }

    package func deadline(of slot: UInt32) -> Int64? {
        guard Int(slot) < slots, places[Int(slot)] >= 0 else { return nil }
        return entries[Int(places[Int(slot)])].deadline
    }

    /// Sets a slot's deadline; `Int64.max` removes it.
    package mutating func set(_ slot: UInt32, to deadline: MonotonicNanoseconds) {
        if Int(slot) >= slots { growPlaces(toHold: Int(slot)) }
        let place = places[Int(slot)]
        if deadline == .max {
            if place >= 0 { remove(at: Int(place)) }
        } else if place < 0 {
            if count == capacity { growEntries() }
            count += 1
            siftUp(from: count - 1, Entry(deadline: deadline, slot: slot))
        } else {
            let entry = Entry(deadline: deadline, slot: slot)
            if deadline < entries[Int(place)].deadline {
                siftUp(from: Int(place), entry)
            } else {
                siftDown(from: Int(place), entry)
            }
        }
    }

    private mutating func remove(at place: Int) {
        places[Int(entries[place].slot)] = -1
        count -= 1
        guard place < count else { return }
        let last = entries[count]
        if place > 0, last.deadline < entries[(place - 1) / 4].deadline {
            siftUp(from: place, last)
        } else {
            siftDown(from: place, last)
        }
    }

    private mutating func siftUp(from start: Int, _ entry: Entry) {
        var place = start
        while place > 0 {
            let parent = (place - 1) / 4
            guard entry.deadline < entries[parent].deadline else { break }
            put(entries[parent], at: place)
            place = parent
        }
        put(entry, at: place)
    }

    private mutating func siftDown(from start: Int, _ entry: Entry) {
        var place = start
        while true {
            let first = place * 4 + 1
            guard first < count else { break }
            var least = first
            for child in (first + 1)..<max(first + 1, min(first + 4, count))
            where entries[child].deadline < entries[least].deadline {
                least = child
            }
            guard entries[least].deadline < entry.deadline else { break }
            put(entries[least], at: place)
            place = least
        }
        put(entry, at: place)
    }

    @inline(__always)
    private mutating func put(_ entry: Entry, at place: Int) {
        entries[place] = entry
        places[Int(entry.slot)] = Int32(place)
    }

    private mutating func growEntries() {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
        larger.update(from: entries, count: count)
        entries.deallocate()
        entries = larger
        capacity *= 2
    }

    private mutating func growPlaces(toHold slot: Int) {
        let wanted = max(slots * 2, slot + 1)
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: wanted)
        larger.update(from: places, count: slots)
        (larger + slots).initialize(repeating: -1, count: wanted - slots)
        places.deallocate()
        places = larger
        slots = wanted
    }
}
