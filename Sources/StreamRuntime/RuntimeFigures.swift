/// The figures of a runtime at one moment: what the log's totals and `status` are written from.
///
/// They are read one after the other while streams open and close, so a sum may be off by those that did so meanwhile.
package struct RuntimeFigures: Sendable {
    package let streams: StreamFigures
    package let hubs: HubFigures
    /// In the order of the loops' numbers.
    package let loops: [LoopFigures]
    /// Calls that hold a thread of a loop which continued without it; the oldest first.
    package let hangingCalls: [HangingCall]
    package let generations: [GenerationFigures]
    /// What producers did in generations that are shut down, by plugin and producer.
    package let past: [PastLedger]
}

/// Over all loops.
package struct StreamFigures: Sendable, Equatable {
    /// From before their `open` to after their `close`.
    package let open: Int
    /// Of those, the ones that should have ended, but whose producer still runs.
    package let stuck: Int
    /// Threads that streams have.
    package let threads: Int
    /// Requests that a limit turned away, since the start.
    package let refusedRequests: Int
    /// What the requests of resumable streams take, which are kept for as long as these live.
    package let keptRequestBytes: Int
}

/// Shared streams and what they keep.
package struct HubFigures: Sendable, Equatable {
    /// With subscribers, or with events that are kept for some.
    package let open: Int
    /// Those that nobody used and that were closed to make room for others, since the start.
    package let evicted: Int
}

package struct LoopFigures: Sendable, Equatable {
    /// Streams and connections that have a row in its table.
    package let rows: Int
}

extension Runtime {
    /// - Parameters:
    ///   - generations: those whose figures are wanted, too.
    ///   - seconds: for so long the loops may take to say which streams of each generation are open; 0: they are not asked. A loop's
    ///     thread must not wait for them.
    package func figures(of generations: GenerationList = GenerationList(), waiting seconds: Int = 0) -> RuntimeFigures
    {
        let streams = seconds > 0 ? openStreams(waiting: seconds) : nil
        return RuntimeFigures(
            streams: counts.figures,
            hubs: HubFigures(open: directory.count, evicted: counts.evictedHubs),
            loops: loops.map { LoopFigures(rows: $0.table.inUse) },
            hangingCalls: counts.hangingCalls.all,
            generations: generations.figures(streams),
            past: generations.past)
    }
}
