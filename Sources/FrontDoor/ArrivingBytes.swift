import Synchronization

/// What the bodies that have not arrived in full take, on all threads of the front door, and how much they may.
final class ArrivingBytes: Sendable {
    private let held = Atomic(0)
    private let maximum: Atomic<Int>

    init(limit: Int) {
        maximum = Atomic(limit)
    }

    var count: Int { held.load(ordering: .relaxed) }

    /// What is there stays, even if it is more.
    func replaceLimit(_ limit: Int) {
        maximum.store(limit, ordering: .relaxed)
    }

    /// - Returns: `false`: there is no room, and nothing was taken.
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
