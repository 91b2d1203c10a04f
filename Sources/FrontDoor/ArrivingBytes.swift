import Synchronization

/// The memory of bodies that have not arrived in full, on all threads of the front door, and its limit.
final class ArrivingBytes: Sendable {
    private let held = Atomic(0)
    private let maximum: Atomic<Int>

    init(limit: Int) {
        maximum = Atomic(limit)
    }

    var count: Int { held.load(ordering: .relaxed) }

    /// Memory that is already in use stays in use, even if it is more.
    func replaceLimit(_ limit: Int) {
        maximum.store(limit, ordering: .relaxed)
    }

    /// - Returns: `false` if there is no room; then nothing was taken.
    func take(_ count: Int) -> Bool {
        let total = held.add(count, ordering: .relaxed).newValue
        if total <= maximum.load(ordering: .relaxed) { return true }
        giveBack(count)
        return false
    }

    func giveBack(_ count: Int) {
        held.subtract(count, ordering: .relaxed)
    }
}
