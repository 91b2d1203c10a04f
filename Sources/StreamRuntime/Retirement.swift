import EventStream
import Logging
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls

/// The end of generations: their streams continue elsewhere, or get some time and then end.
struct Retirement {
    let reloader: Reloader

    /// Gives a generation that `switchOver` has replaced no new streams, and its remaining ones some time.
    func begin(_ serving: ServingGeneration, _ reason: CloseReason) {
        let generation = serving.generation
        reloader.logger.info(
            "plugin retired",
            metadata: [
                "plugin": "\(generation.plugin)", "generation": .stringConvertible(generation.number),
                "reason": "\(reason.name)",
                "open_streams": .stringConvertible(generation.liveStreams),
            ])
        let now = reloader.clock()
        reloader.state.withLock { state in
            state.forgetShutDown()
            if reason == .removed {
                // Streams that stayed with older generations can no longer continue anywhere.
                for index in state.retired.indices where state.retired[index].generation.plugin == generation.plugin {
                    state.retired[index].reason = .removed
                    state.retired[index].since = now
                }
            }
        }
        generation.retire()
    }

    /// Ends the streams of generations whose drain deadline has passed, and the trials whose time is over; logs the
    /// plugins whose `shutdown` does not return.
    /// - Parameter drain: how long a generation may drain.
    /// - Returns: when to call again; `nil` if there is no retired generation with streams left, none on trial, and no
    ///   running `shutdown`.
    func end(after drain: Nanoseconds) -> MonotonicNanoseconds? {
        let trialEnd = GenerationTrials(reloader: reloader).settle()
        let lateEnd = reportLate()
        let retired = reloader.state.withLock { state in
            state.forgetShutDown()
            return state.retired
        }
        let now = reloader.clock()
        for each in retired where now >= each.since.addingSaturating(drain) {
            each.generation.endDrain()
            reloader.runtime.end(each.generation, each.reason)
        }
        let ends = retired.map { $0.since.addingSaturating(drain) }.filter { $0 > now }
        return (ends + [trialEnd, lateEnd].compactMap(\.self)).min()
    }

    /// - Returns: when to check again.
    private func reportLate() -> MonotonicNanoseconds? {
        reloader.live.startWaiting()
        let limit = reloader.runtime.limits.stuckReport
        let (names, next) = reloader.live.takeLate(after: limit)
        for name in names {
            reloader.logger.error(
                "a plugin's shutdown does not return; its thread is abandoned",
                metadata: ["plugin": "\(name)", "after_seconds": .stringConvertible(limit / 1_000_000_000)])
        }
        return next
    }
}
