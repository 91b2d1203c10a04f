import CLinux
import Glibc
import Locks
import Synchronization

/// A thread of the host's own that does for the threads of plugins what takes more stack than they may have: 16 KiB is the least that the
/// system gives (PTHREAD_STACK_MIN), and making one text may take as much.
///
/// Lines of the log are left here, and are written in their order; of those only so many wait, the others are counted. Calls that have
/// an answer are waited for: they come before all lines, and always find a place.
package final class HostThread: @unchecked Sendable {
    // Unchecked: links of the queue are only touched behind its lock, or by the one who has taken it.
    private let queue = QuickMutex(Queue())
    /// Held by the one who does what waits.
    private let turn = Mutex(())
    private let worker = Atomic<pthread_t>(0)
    private let isThere = Atomic(false)
    /// What waits, and what is being done.
    private let unfinished = Atomic(0)
    private let wakeUp: UnsafeMutablePointer<sem_t>
    private let linesMax: Int
    private let bytesMax: Int
    private let dropped: @Sendable (Int) -> Void

    /// One thing to do. A list of its own, not an array: adding to it takes next to no stack.
    private final class Task: @unchecked Sendable {
        private var body: (() -> Void)?
        let bytes: Int
        /// Somebody waits for it; otherwise it is a line.
        let done: Semaphore?
        var next: Task?

        init(_ body: @escaping () -> Void, bytes: Int = 0, done: Semaphore? = nil) {
            self.body = body
            self.bytes = bytes
            self.done = done
        }

        /// Does it, and holds the body no longer: who waits for it lent it until then.
        func perform() {
            let body = body
            self.body = nil
            body?()
        }
    }

    private struct List: @unchecked Sendable {
        var first: Task?
        var last: Task?
        var isEmpty: Bool { first == nil }

        mutating func append(_ task: Task) {
            if let last { last.next = task } else { first = task }
            last = task
        }

        mutating func popFirst() -> Task? {
            guard let task = first else { return nil }
            first = task.next
            if first == nil { last = nil }
            task.next = nil
            return task
        }
    }

    private struct Queue: @unchecked Sendable {
        var calls = List()
        var lines = List()
        var lineCount = 0
        var lineBytes = 0
        var droppedLines = 0
    }

    static let shared = HostThread { HostLog.countedDropped($0) }

    /// Starts the thread; without one to be had, what waits is done by those who call `drain`.
    /// - Parameter dropped: is told how many lines had no room, behind those that had.
    init(linesMax: Int = 4096, bytesMax: Int = 1 << 20, dropped: @escaping @Sendable (Int) -> Void) {
        self.linesMax = linesMax
        self.bytesMax = bytesMax
        self.dropped = dropped
        wakeUp = .allocate(capacity: 1)
        sem_init(wakeUp, 0, 0)
        start()
    }

    private func start() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        // Signals are for other threads.
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        // Never released: the thread goes on as long as the process.
        let box = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { context in
                sluice_set_thread_name("sluice-host")
                Unmanaged<HostThread>.fromOpaque(context.unsafelyUnwrapped)._withUnsafeGuaranteedRef { $0.run() }
                return nil
            }, box.toOpaque())
        if code == 0 { isThere.store(true, ordering: .relaxed) } else { box.release() }
    }

    private func run() {
        while true {
            while sem_wait(wakeUp) != 0 {}
            drain()
        }
    }

    // MARK: Any thread

    /// Leaves a line to be written.
    /// - Parameter bytes: of memory that it holds until then.
    func write(bytes: Int = 0, _ line: @escaping @Sendable () -> Void) {
        add(Task(line, bytes: bytes))
    }

    /// Runs the body: here if this thread has room for it, else on the host's, while this one waits.
    /// - Parameter bytes: of stack that it may take.
    func withRoom(bytes: Int = HostThread.textBytes, _ body: () -> Void) {
        if sluice_stack_left() >= bytes || !isThere.load(ordering: .relaxed) { return body() }
        withoutActuallyEscaping(body) { body in
            var done = sem_t()
            sem_init(&done, 0, 0)
            withUnsafeMutablePointer(to: &done) { done in
                let done = Semaphore(pointer: done)
                add(Task(body, done: done))
                while sem_wait(done.pointer) != 0 {}
            }
            sem_destroy(&done)
        }
    }

    private struct Semaphore: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<sem_t>
    }

    /// What reading and making text may take, of a signature for example: more than was ever seen.
    static let textBytes = 96 * 1024
    /// What taking an event may take. In a debug build 23 KB were seen, where a type was looked up for the first time, else 10.
    static let eventBytes = 32 * 1024

    private func add(_ task: Task) {
        let isFirst = queue.withLock { queue -> Bool in
            let isFirst = queue.calls.isEmpty && queue.lines.isEmpty
            if task.done == nil {
                guard queue.lineCount < linesMax, queue.lineBytes + task.bytes <= bytesMax else {
                    queue.droppedLines += 1
                    return false
                }
                queue.lineCount += 1
                queue.lineBytes += task.bytes
                queue.lines.append(task)
            } else {
                queue.calls.append(task)
            }
            unfinished.add(1, ordering: .sequentiallyConsistent)
            return isFirst
        }
        if isFirst { sem_post(wakeUp) }
    }

    // MARK: Threads with room

    /// Does all that was left before this call: so that a line written behind it comes after those, and at the end of the process.
    package func drain() {
        guard unfinished.load(ordering: .sequentiallyConsistent) > 0 else { return }
        let thread = pthread_self()
        // A line that is being written is no reason to write others.
        guard worker.load(ordering: .relaxed) != thread else { return }
        turn.withLock { _ in
            worker.store(thread, ordering: .relaxed)
            defer { worker.store(0, ordering: .relaxed) }
            doCalls()
            var taken = Queue()
            queue.withLock { queue in
                swap(&queue, &taken)
                swap(&queue.calls, &taken.calls)
            }
            while let line = taken.lines.popFirst() {
                line.perform()
                unfinished.subtract(1, ordering: .sequentiallyConsistent)
                doCalls()
            }
            if taken.droppedLines > 0 { dropped(taken.droppedLines) }
        }
    }

    /// For those who wait.
    private func doCalls() {
        while let call = queue.withLock({ $0.calls.popFirst() }) {
            call.perform()
            if let done = call.done { sem_post(done.pointer) }
            unfinished.subtract(1, ordering: .sequentiallyConsistent)
        }
    }
}
