package import SystemCalls

/// The figures of a runtime at one moment, from which the log's totals and `status` are made.
///
/// They are read one after the other while streams open and close, so a sum may be off by the streams that did so
/// meanwhile.
package struct RuntimeFigures: Sendable {
    package let streams: StreamFigures
    package let hubs: HubFigures
    /// In the order of the loops' numbers.
    package let loops: [LoopFigures]
    /// Calls that hold a thread whose loop continued without it; the oldest first.
    package let hangingCalls: [HangingCall]
    package let generations: [GenerationFigures]
    /// What producers did in generations that have been shut down, by plugin and producer.
    package let past: [PastLedger]
    /// New generations that were rolled back, since the start.
    package let rollbacks: Int
    /// Refusals of plugins since the start, by the step at which they failed.
    package let refusedPlugins: [String: Int]
    /// What the hubs of each producer keep; `nil` if the loops were not asked, or one did not answer in time.
    package let histories: [ProducerName: HistoryFigures]?
}

/// A producer, whatever its generation.
package struct ProducerName: Sendable, Hashable {
    package let plugin: String
    package let producer: String

    package init(plugin: String, producer: String) {
        self.plugin = plugin
        self.producer = producer
    }
}

/// What hubs keep for subscribers that reconnect.
package struct HistoryFigures: Sendable, Equatable {
    package var hubs = 0
    package var events = 0
    package var bytes = 0

    package init() {}
}

/// Totals of all loops.
package struct StreamFigures: Sendable, Equatable {
    /// From before their `open` to after their `close`.
    package let open: Int
    /// Those of them that should have ended, but whose producer is still running.
    package let stuck: Int
    /// Threads of streams.
    package let threads: Int
    /// Requests that were rejected because of a limit, since the start.
    package let refusedRequests: Int
    /// The same by the name of the limit.
    package let refusedByLimit: [String: Int]
    /// Memory of the requests of resumable streams, which are kept for as long as the streams live.
    package let keptRequestBytes: Int
}

/// Shared streams and what they keep.
package struct HubFigures: Sendable, Equatable {
    /// Hubs with subscribers, or with events that are kept for them.
    package let open: Int
    /// Unused hubs that were closed to make room for others, since the start.
    package let evicted: Int
}

package struct LoopFigures: Sendable, Equatable {
    /// Rows of its table: streams, connections, and one for each hub that needs keep-alives there.
    package let rows: Int
    /// How late it does what another thread asks of it.
    package let lag: Nanoseconds
}

extension Runtime {
    /// - Parameter generations: the generations whose figures are wanted.
    package func figures(of generations: GenerationList = GenerationList()) -> RuntimeFigures {
        figures(of: generations, nil)
    }

    /// - Parameter streams: the open streams of each generation; `nil` if the loops were not asked.
    func figures(of generations: GenerationList, _ streams: OpenStreams?) -> RuntimeFigures {
        RuntimeFigures(
            streams: counts.figures,
            hubs: HubFigures(open: directory.count, evicted: counts.evictedHubs),
            loops: loops.map { LoopFigures(rows: $0.table.inUse, lag: $0.pulse.lag(at: monotonicNanoseconds())) },
            hangingCalls: counts.hangingCalls.all,
            generations: generations.figures(streams),
            past: generations.past, rollbacks: generations.rollbacks,
            refusedPlugins: generations.refusedPlugins, histories: streams?.histories)
    }
}
