import Synchronization

/// One loaded image of a plugin, as the runtime sees it: its number, and how many of its streams are alive.
package final class Generation: Sendable {
    package let plugin: String
    /// Counts from 1 for each plugin name.
    package let number: Int
    /// Decides whether the generation is good; `nil` for one that replaced no other.
    package let trial: Trial?
    private let shutdown: @Sendable () -> Void
    private let state = Mutex(State())

    private struct State {
        /// Streams between the start of `open` and the end of `close`.
        var live = 0
        /// How many users may still want it to serve again.
        var holds = 0
        var isRetired = false
        /// The drain deadline of its streams has passed.
        var isDrainOver = false
        var isShutDown = false

        /// - Returns: `true` when `shutdown` is due, once.
        mutating func endsNow() -> Bool {
            guard isRetired, live == 0, holds == 0, !isShutDown else { return false }
            isShutDown = true
            return true
        }
    }

    /// - Parameter shutdown: called once, when the generation is retired and its last stream is closed, on the thread
    ///   that brought this about: a loop's, or the one that reloads. It must not run the plugin's code on that thread,
    ///   but have another one run it.
    package init(
        plugin: String, number: Int, trial: Trial? = nil, shutdown: @escaping @Sendable () -> Void = {}
    ) {
        self.plugin = plugin
        self.number = number
        self.trial = trial
        self.shutdown = shutdown
    }

    package var liveStreams: Int { state.withLock { $0.live } }
    /// It gets no new streams.
    var isRetired: Bool { state.withLock { $0.isRetired } }
    /// It has streams that may continue for a while.
    var isDraining: Bool { state.withLock { $0.live > 0 && !$0.isDrainOver && !$0.isShutDown } }
    package var isShutDown: Bool { state.withLock { $0.isShutDown } }

    /// Gives it no new streams; those that are open continue. Its `shutdown` is called after the last of them, or
    /// immediately if there are none.
    package func retire() {
        let isOver = state.withLock { state in
            state.isRetired = true
            return state.endsNow()
        }
        if isOver { shutdown() }
    }

    /// Its last streams are being ended.
    func endDrain() { state.withLock { $0.isDrainOver = true } }

    /// Prevents it from shutting down, so that it can serve again.
    func hold() { state.withLock { $0.holds += 1 } }

    /// Ends a `hold`.
    func releaseHold() {
        let isOver = state.withLock { state in
            state.holds -= 1
            precondition(state.holds >= 0, "a hold ends once")
            return state.endsNow()
        }
        if isOver { shutdown() }
    }

    /// A retired generation that was held serves again.
    func reinstate() {
        state.withLock { state in
            precondition(!state.isShutDown, "what serves again was held")
            state.isRetired = false
            state.isDrainOver = false
        }
    }

    /// A stream is about to open.
    /// - Returns: `false` if the generation has been shut down: none of its code may run any more.
    func enter() -> Bool {
        state.withLock { state in
            guard !state.isShutDown else { return false }
            state.live += 1
            return true
        }
    }

    /// A stream that entered is over.
    func leave() {
        let isOver = state.withLock { state in
            state.live -= 1
            precondition(state.live >= 0, "more streams ended than began")
            return state.endsNow()
        }
        if isOver { shutdown() }
    }
}
