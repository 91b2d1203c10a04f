import DequeModule
import Synchronization

/// Threads for calls that may wait, which a loop must not do: started when there is something to do, ended when there
/// is not.
final class SpareThreads: Sendable {
    static let shared = SpareThreads()

    private struct Task {
        let run: @Sendable () -> Void
        let died: @Sendable () -> Void
    }

    /// The calls of one owner: if all of its threads wait for ever, only its own calls are stuck.
    private struct Work {
        var waiting: Deque<Task> = []
        var threads = 0
    }

    /// For each owner.
    private static let threadsMax = 8
    private let works = Mutex<[ObjectIdentifier: Work]>([:])

    /// - Parameters:
    ///   - owner: the owner of the call.
    ///   - died: is called on the thread if the call has ended it with pthread_exit(3).
    func run(_ call: @escaping @Sendable () -> Void, of owner: AnyObject, died: @escaping @Sendable () -> Void) {
        let key = ObjectIdentifier(owner)
        let needsThread = works.withLock { works in
            works[key, default: Work()].waiting.append(Task(run: call, died: died))
            guard works[key]!.threads < Self.threadsMax else { return false }
            works[key]!.threads += 1
            return true
        }
        // If no thread can be started, the call runs here: waiting is better than not calling it.
        if needsThread, !start(key) { work(key, Place()) }
    }

    /// What to call if the thread ends in the middle of a call.
    private final class Place: Sendable {
        let died = Mutex<(@Sendable () -> Void)?>(nil)
    }

    private func start(_ key: ObjectIdentifier) -> Bool {
        let place = Place()
        return startThread(
            named: "sluice-spare", stackBytes: 8 << 20,
            died: { [self] in
                place.died.withLock { $0 }?()
                if !start(key) { work(key, place) }
            },
            { self.work(key, place) })
    }

    /// Runs the owner's calls until there are none left.
    private func work(_ key: ObjectIdentifier, _ place: Place) {
        while let task = next(key) {
            place.died.withLock { $0 = task.died }
            task.run()
        }
    }

    private func next(_ key: ObjectIdentifier) -> Task? {
        works.withLock { works in
            if let task = works[key]!.waiting.popFirst() { return task }
            works[key]!.threads -= 1
            if works[key]!.threads == 0 { works[key] = nil }
            return nil
        }
    }
}
