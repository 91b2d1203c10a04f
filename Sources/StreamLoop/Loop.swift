import Glibc
import Locks
package import SystemCalls

/// What a loop calls, on its thread.
package protocol LoopHandler: AnyObject {
    /// A watched connection became ready.
    func ready(_ tag: UInt64, _ readiness: Readiness)
    /// `Loop.wake` was called with this tag.
    func woken(_ tag: UInt64)
    /// A slot's deadline has passed. The handler must set another one, or remove it.
    func due(_ slot: UInt32)
    /// Everything that was ready or due has been handled.
    func turnEnded() -> TurnEnd
}

package enum TurnEnd: Sendable {
    case idle
    /// There is more to do at once: the loop checks what is ready, but does not sleep.
    case more
    /// Another thread has taken the loop over: this one must not touch any of it any more.
    case lost
}

/// A thread with epoll and timers. Its state belongs to that thread, except where a comment says "any thread".
package final class Loop: @unchecked Sendable {
    // Unchecked: `mailbox` has its lock; everything else is only touched on the loop's thread, or before it starts.
    package let index: Int
    package let system: LoopSystem
    package private(set) var timers = TimerHeap()
    /// While timers fire, the time up to which they fire; otherwise `Int64.min`.
    private var firingUntil = Int64.min
    /// The time at which the current turn began, or at which `updateNow` was last called.
    package private(set) var now: MonotonicNanoseconds
    /// Not retained: the owner of both keeps it alive longer than the loop.
    package unowned(unsafe) var handler: (any LoopHandler)!

    private let mailbox = QuickMutex(Mailbox())
    private let events: UnsafeMutableBufferPointer<ReadyEvent>
    /// The mail that was taken out of the mailbox, and how many of its calls have run.
    private var taken = Mailbox()
    private var callsRun = 0
    private var hasMore = false
    private var isStopped = false

    private struct Mailbox {
        var wakes: [UInt64] = []
        var calls: [@Sendable () -> Void] = []
        var isEmpty: Bool { wakes.isEmpty && calls.isEmpty }

        /// Keeps the capacity that a usual turn needs, and frees what a burst has taken.
        mutating func removeAll() {
            calls.removeAll(keepingCapacity: calls.capacity <= Self.usualCount)
            wakes.removeAll(keepingCapacity: wakes.capacity <= Self.usualCount)
        }

        private static let usualCount = 2048
    }

    package init(index: Int, system: LoopSystem) {
        self.index = index
        self.system = system
        now = system.now()
        events = .allocate(capacity: 512)
    }

    deinit { events.deallocate() }

    // MARK: Any thread

    /// Runs a call on the loop's thread, after those posted before.
    package func post(_ call: @escaping @Sendable () -> Void) {
        let wasEmpty = mailbox.withLock { mailbox in
            defer { mailbox.calls.append(call) }
            return mailbox.isEmpty
        }
        if wasEmpty { system.wakeUp() }
    }

    /// Makes the loop call `LoopHandler.woken` with the tag. Allocates nothing once the mailbox has reached its working
    /// size.
    package func wake(_ tag: UInt64) {
        let wasEmpty = mailbox.withLock { mailbox in
            defer { mailbox.wakes.append(tag) }
            return mailbox.isEmpty
        }
        if wasEmpty { system.wakeUp() }
    }

    // MARK: The loop's thread

    /// Runs turns until `stop`, or until another thread has taken the loop over.
    package func run() {
        while !isStopped { guard turn(waitingAtMost: -1) else { return } }
    }

    /// Continues in place of a thread that lost the loop at the end of a turn.
    package func takeOver() {
        hasMore = true
        run()
    }

    /// Sets a slot's timer; `Int64.max` removes it. A deadline that has passed fires when timers are checked next.
    package func setTimer(_ slot: UInt32, to deadline: MonotonicNanoseconds) {
        // While timers fire, it would otherwise fire again in the same turn.
        timers.set(slot, to: max(deadline, firingUntil == .min ? .min : firingUntil + 1))
    }

    package func stop() { isStopped = true }

    /// Reads the clock again, after work that took long.
    @discardableResult
    package func updateNow() -> Int64 {
        now = system.now()
        return now
    }

    /// Waits for something to do and does it.
    /// - Parameter limit: how long to wait at most; negative: until the earliest timer.
    /// - Returns: `false` if another thread has taken the loop over.
    @discardableResult
    package func turn(waitingAtMost limit: Nanoseconds) -> Bool {
        var timeout = hasMore ? 0 : limit
        if timeout != 0, timers.earliest != .max {
            let untilTimer = max(0, timers.earliest - system.now())
            timeout = timeout < 0 ? untilTimer : min(timeout, untilTimer)
        }
        let count = system.wait(timeout: timeout, into: events)
        updateNow()
        for index in 0..<count { handler.ready(events[index].tag, events[index].readiness) }
        let isMailboxEmpty = emptyMailbox()
        fireTimers()
        // The next turn finds this value if another thread takes the loop over at the end of this turn.
        hasMore = true
        switch handler.turnEnded() {
        case .lost: return false
        case .more: break
        case .idle: hasMore = !isMailboxEmpty
        }
        return true
    }

    /// - Returns: `false` if some of the mail is left for the next turn: a burst of joins must not delay what is due.
    private func emptyMailbox() -> Bool {
        let isRest = !taken.isEmpty
        if !isRest { mailbox.withLock { swap(&$0, &taken) } }
        guard !taken.isEmpty else { return true }
        let began = system.now()
        while callsRun < taken.calls.count {
            let call = taken.calls[callsRun]
            callsRun += 1
            call()
            if callsRun % 32 == 0, !isStopped, system.now() - began > Self.mailboxTime { return false }
        }
        for index in taken.wakes.indices { handler.woken(taken.wakes[index]) }
        taken.removeAll()
        callsRun = 0
        // Mail that came while the rest was still waiting has used up its wake-up: the next turn must look for it.
        return !isRest
    }

    /// How long a turn may work on its mail.
    private static let mailboxTime: Nanoseconds = 2_000_000

    private func fireTimers() {
        // Only timers that were due when the turn began: a timer that is set to "now" again and again must not block
        // the loop.
        let limit = now
        firingUntil = limit
        defer { firingUntil = .min }
        while let slot = timers.firstDue(at: limit) {
            handler.due(slot)
            precondition(
                timers.deadline(of: slot).map { $0 > limit } ?? true, "a due timer must be set anew or removed")
        }
    }
}
