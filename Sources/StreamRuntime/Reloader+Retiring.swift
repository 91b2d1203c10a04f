import Logging
package import ProducerInterface
import StreamLoop
import Synchronization

/// The end of generations: their streams go on elsewhere, or have some time, and then end.
extension Reloader {
    /// A generation that gives its last streams some time.
    struct Retired: Sendable {
        let serving: Serving
        var reason: CloseReason
        /// Monotonic nanoseconds.
        var since: Int64

        var generation: Generation { serving.generation }
        var entries: [ProducerEntry] { serving.entries }
    }

    /// A generation as it stands: it serves, or its last streams go on.
    package struct Standing: Sendable {
        package let image: LoadedImage
        package let generation: Generation
        package let entries: [ProducerEntry]
        /// Monotonic nanoseconds.
        package let loadedAt: Int64
        /// When it was retired, in monotonic nanoseconds, and why; `nil` for one that serves.
        package let retired: (at: Int64, reason: CloseReason)?
        /// It has replaced another a moment ago, and is taken back if its streams fail; `nil` once it is decided, or its time is over.
        package let trial: OnTrialStanding?
        /// The number of the generation on trial that it would serve again in place of.
        package let heldFor: Int?
    }

    /// How it stands with a generation on trial.
    package struct OnTrialStanding: Sendable, Equatable {
        /// Streams that failed so far, and with how many it is taken back.
        package let failures: Int
        package let failuresMax: Int
        /// Monotonic nanoseconds.
        package let until: Int64
    }

    /// What serves, in the order of the files, and then what drains or is held, the oldest first.
    package var standings: [Standing] {
        let (serving, retired, trials) = state.withLock { state in
            (
                state.serving.keys.sorted().map { state.serving[$0]! },
                state.retired.filter { !$0.generation.isShutDown }, Array(state.trials.values)
            )
        }
        return serving.map { Standing($0, retired: nil, trials) }
            + retired.map { Standing($0.serving, retired: ($0.since, $0.reason), trials) }
    }

    /// Newcomers go to these from now on, and so do the streams of older generations that can.
    func switchOver(to serving: [String: Serving]) {
        let old = state.withLock { state in
            defer { state.serving = serving }
            return state.serving.values.map(\.entries) + state.retired.map(\.entries)
        }
        // Before the routes, so that nobody comes between the two.
        link(old, to: serving)
        let kept = Set(serving.values.map { ObjectIdentifier($0.generation) })
        let left = old.filter { $0.first.map { !kept.contains(ObjectIdentifier($0.generation)) } ?? false }
        runtime.replaceRoutes(
            RouteTable(serving.keys.sorted().flatMap { serving[$0]!.entries }, leaving: left.flatMap(\.self)))
        for entries in left {
            guard let generation = entries.first?.generation else { continue }
            if entries.contains(where: { $0.successor != nil }) { runtime.migrate(generation) }
        }
    }

    /// Says for each entry where its streams can go on: with what serves under its plugin's name.
    private func link(_ old: [[ProducerEntry]], to serving: [String: Serving]) {
        let current = Dictionary(serving.values.map { ($0.image.plugin, $0.entries) }) { first, _ in first }
        // One that serves again, after it was replaced, is followed by nobody.
        for entry in serving.values.flatMap(\.entries) { entry.setSuccessor(nil) }
        for entry in old.joined() {
            let candidates = current[entry.generation.plugin] ?? []
            let isServing = candidates.contains { $0 === entry }
            entry.setSuccessor(isServing ? nil : candidates.first { entry.canContinue(in: $0) })
        }
    }

    func retire(_ serving: Serving, _ reason: CloseReason) {
        let generation = serving.generation
        logger.info(
            "plugin retired",
            metadata: [
                "plugin": "\(generation.plugin)", "generation": "\(generation.number)", "reason": "\(reason.name)",
                "open_streams": "\(generation.liveStreams)",
            ])
        let now = clock()
        state.withLock { state in
            state.forgetShutDown()
            if reason == .removed {
                // Streams that stayed with older generations have nothing left to go on in.
                for index in state.retired.indices where state.retired[index].generation.plugin == generation.plugin {
                    state.retired[index].reason = .removed
                    state.retired[index].since = now
                }
            }
            state.retired.append(
                Retired(serving: serving, reason: reason, since: now))
        }
        generation.retire()
    }

    /// Ends the streams of generations that have had their time to drain, and the trials whose time is over; names the plugins whose
    /// `shutdown` does not return.
    /// - Parameter drain: that time, in nanoseconds.
    /// - Returns: when to call again, in monotonic nanoseconds; `nil` when there is no retired generation with streams left, none on
    ///   trial, and no `shutdown` that runs.
    package func endRetired(after drain: Int64) -> Int64? {
        let trialEnd = settleTrials()
        let lateEnd = reportLate()
        let retired = state.withLock { state in
            state.forgetShutDown()
            return state.retired
        }
        let now = clock()
        for each in retired where now >= each.since.addingSaturating(drain) {
            each.generation.endDrain()
            runtime.end(each.generation, each.reason)
        }
        let ends = retired.map { $0.since.addingSaturating(drain) }.filter { $0 > now }
        return (ends + [trialEnd, lateEnd].compactMap(\.self)).min()
    }

    /// - Returns: when to look again.
    private func reportLate() -> Int64? {
        live.startWaiting()
        let limit = runtime.limits.stuckReport
        let (names, next) = live.takeLate(after: limit)
        for name in names {
            logger.error(
                "a plugin's shutdown does not return; its thread is left to it",
                metadata: ["plugin": "\(name)", "after_seconds": "\(limit / 1_000_000_000)"])
        }
        return next
    }

    /// The generations whose `shutdown` has not returned, those that serve included; any thread.
    package var unfinished: [String] { live.names }

    /// Retires everything, for the end of the server, and waits for each plugin's `shutdown`.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: the plugins that did not come to their end.
    package func retireAll(deadline: Int64) -> [String] {
        endTrials()
        let serving = state.withLock { state in
            defer { state.serving = [:] }
            return state.serving
        }
        runtime.endRoutes()
        for each in serving.values { each.generation.retire() }
        let left = live.waitForEnd(until: deadline)
        state.withLock { $0.forgetShutDown() }
        return left
    }
}

extension Reloader.Standing {
    fileprivate init(
        _ serving: Reloader.Serving, retired: (at: Int64, reason: CloseReason)?, _ trials: [Reloader.OnTrial]
    ) {
        let own = trials.first { $0.candidate.generation === serving.generation }
        let trial = serving.generation.trial.flatMap { trial in
            own.map {
                Reloader.OnTrialStanding(
                    failures: trial.failureCount, failuresMax: trial.failuresMax, until: $0.until)
            }
        }
        self.init(
            image: serving.image, generation: serving.generation, entries: serving.entries, loadedAt: serving.since,
            retired: retired, trial: trial,
            heldFor: trials.first { $0.fallback.generation === serving.generation }?.candidate.generation.number)
    }
}
