import EventStream
import Logging
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls

/// The end of generations: their streams go on elsewhere, or have some time, and then end.
struct Retirement {
    let reloader: Reloader

    /// Gives a generation no new streams, and its last ones some time.
    func begin(_ serving: ServingGeneration, _ reason: CloseReason) {
        let generation = serving.generation
        reloader.logger.info(
            "plugin retired",
            metadata: [
                "plugin": "\(generation.plugin)", "generation": "\(generation.number)", "reason": "\(reason.name)",
                "open_streams": "\(generation.liveStreams)",
            ])
        let now = reloader.clock()
        reloader.state.withLock { state in
            state.forgetShutDown()
            if reason == .removed {
                // Streams that stayed with older generations have nothing left to go on in.
                for index in state.retired.indices where state.retired[index].generation.plugin == generation.plugin {
                    state.retired[index].reason = .removed
                    state.retired[index].since = now
                }
            }
            state.retired.append(
                RetiredGeneration(serving: serving, reason: reason, since: now))
        }
        generation.retire()
    }

    /// Ends the streams of generations that have had their time to drain, and the trials whose time is over; names the plugins whose
    /// `shutdown` does not return.
    /// - Parameter drain: that time.
    /// - Returns: when to call again; `nil` when there is no retired generation with streams left, none on
    ///   trial, and no `shutdown` that runs.
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

    /// - Returns: when to look again.
    private func reportLate() -> MonotonicNanoseconds? {
        reloader.live.startWaiting()
        let limit = reloader.runtime.limits.stuckReport
        let (names, next) = reloader.live.takeLate(after: limit)
        for name in names {
            reloader.logger.error(
                "a plugin's shutdown does not return; its thread is abandoned",
                metadata: ["plugin": "\(name)", "after_seconds": "\(limit / 1_000_000_000)"])
        }
        return next
    }
}
