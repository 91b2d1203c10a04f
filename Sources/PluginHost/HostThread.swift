import CLinux
import Glibc
import Locks
import Synchronization

/// A thread of the host's own, for work that needs more stack than a plugin's thread may have: the system's minimum is
/// 16 KiB (PTHREAD_STACK_MIN), and making one text may take as much.
///
/// Log lines are left here, and written in their order. Only a limited number of them waits; further lines are counted.
/// Calls that have an answer are waited for: they come before all lines, and always find a place.
package final class HostThread: @unchecked Sendable {
    // Unchecked: links of the queue are only touched with its lock held, or by the thread that has taken them.
    private let queue = QuickMutex(Queue())
    /// Held by the thread that does the work.
    private let turn = Mutex(())
    private let worker = Atomic<pthread_t>(0)
    private let isThere = Atomic(false)
    /// How many tasks are waiting or being done.
    private let unfinished = Atomic(0)
    private let wakeUp: UnsafeMutablePointer<sem_t>
    private let linesMax: Int
    private let bytesMax: Int
    private let dropped: @Sendable (Int) -> Void

    /// One task. Tasks form a linked list, not an array, because adding to it takes almost no stack.
    private final class Task: @unchecked Sendable {
        private var body: (() -> Void)?
        let bytes: Int
        /// A thread waits for it; `nil`: it is a log line.
        let done: Semaphore?
        var next: Task?

        init(_ body: @escaping () -> Void, bytes: Int = 0, done: Semaphore? = nil) {
            self.body = body
            self.bytes = bytes
            self.done = done
        }

        /// Runs the body and releases it: the thread that waits has lent it only until then.
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

    /// Starts the thread. If that fails, the callers of `drain` do the work.
    /// - Parameter dropped: gets the number of lines that had no room, after those that had.
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
        // Never released: the thread runs as long as the process.
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

    /// Adds a line that is to be written.
    /// - Parameter bytes: the memory that it holds until then.
    func write(bytes: Int = 0, _ line: @escaping @Sendable () -> Void) {
        add(Task(line, bytes: bytes))
    }

    /// Runs the body: here if this thread has room for it, otherwise on the host's thread, while this one waits.
    /// - Parameter bytes: how much stack it may take.
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

    /// The stack that reading and making text may take, for a signature, for example: more than was ever measured.
    static let textBytes = 96 * 1024
    /// The stack that taking an event may take. In a debug build, 23 KB were measured when a type was looked up for the
    /// first time, otherwise 10.
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

    /// Does all work that was left before this call: so that a line that is written after it comes after those lines,
    /// and at the end of the process.
    package func drain() {
        guard unfinished.load(ordering: .sequentiallyConsistent) > 0 else { return }
        let thread = pthread_self()
        // A thread that is writing a line does not write others.
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

    /// Does the calls for which threads wait.
    private func doCalls() {
        while let call = queue.withLock({ $0.calls.popFirst() }) {
            call.perform()
            if let done = call.done { sem_post(done.pointer) }
            unfinished.subtract(1, ordering: .sequentiallyConsistent)
        }
    }
}
