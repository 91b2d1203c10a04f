import Logging
import ProducerInterface
import StreamLoop
import Synchronization

/// A generation that has just replaced another shows whether its streams live; if they fail one after the other, the one before it
/// serves again.
///
/// That one is held until then: it is retired and its streams go on in the new one, but its `shutdown` waits, so that the very image
/// that worked takes over, with all that it has in memory, and nothing has to be loaded at the moment when something is wrong already.
/// A stream that fails at once goes back there right away, before anything is decided: its subscriber notices nothing. Only if it does not fail
/// there, too, does that count against the new generation: a request that is wrong in itself says nothing about it.
extension Reloader {
    struct OnTrial: Sendable {
        /// With a trial.
        let candidate: Serving
        /// What served before; held.
        let fallback: Serving
        /// Monotonic nanoseconds.
        let until: Int64

        func begin() {
            fallback.generation.hold()
            for entry in candidate.entries {
                entry.setFallback(fallback.entries.first { $0.canStandIn(for: entry) })
            }
        }

        func end() {
            for entry in candidate.entries { entry.setFallback(nil) }
            fallback.generation.releaseHold()
        }
    }

    /// - Parameter duration: nanoseconds.
    func begin(trialOf candidate: Serving, insteadOf fallback: Serving, for duration: Int64) {
        let trial = OnTrial(
            candidate: candidate, fallback: fallback, until: clock().addingSaturating(duration))
        trial.begin()
        let before = state.withLock { $0.trials.updateValue(trial, forKey: candidate.image.plugin) }
        // Another reload within its time: what is replaced now is what would serve again.
        before?.end()
    }

    /// Ends the trials that are decided, or whose time is over.
    /// - Returns: when the next one is over.
    func settleTrials() -> Int64? {
        let now = clock()
        for (plugin, trial) in state.withLock(\.trials).sorted(by: { $0.key < $1.key }) {
            switch trial.candidate.generation.trial?.verdict {
            case .failed: rollBack(trial)
            case .open? where now < trial.until && serves(trial.candidate): continue
            case .open, .passed, nil: break
            }
            state.withLock { $0.trials[plugin] = nil }
            trial.end()
        }
        return state.withLock { $0.trials.values.map(\.until).min() }
    }

    func endTrials() {
        let trials = state.withLock { state in
            defer { state.trials = [:] }
            return state.trials
        }
        for trial in trials.values { trial.end() }
    }

    private func serves(_ candidate: Serving) -> Bool {
        state.withLock { $0.serving.values.contains { $0.generation === candidate.generation } }
    }

    private func rollBack(_ trial: OnTrial) {
        let (candidate, fallback) = (trial.candidate, trial.fallback)
        var serving = state.withLock(\.serving)
        guard let path = serving.first(where: { $0.value.generation === candidate.generation })?.key else { return }
        let text =
            "\(path): \(candidate.generation.trial?.failureCount ?? 0) of its streams failed at once, and none succeeded; see the log for their errors"
        let others = serving.filter { $0.key != path }.map(\.value.image).sorted { $0.path < $1.path }
        var metadata: Logger.Metadata = [
            "plugin": "\(candidate.image.plugin)", "from_generation": "\(candidate.generation.number)",
            "to_generation": "\(fallback.generation.number)", "error": "\(text)",
        ]
        if let conflict = source.conflict(of: fallback.image, with: others) {
            metadata["conflict"] = "\(conflict)"
            return logger.error("plugin not rolled back: another has taken what it needs", metadata: metadata)
        }
        logger.error("plugin rolled back", metadata: metadata)
        serving[path] = fallback.moved(to: path)
        state.withLock { state in
            state.retired.removeAll { $0.generation === fallback.generation }
            state.refused[path] = Refused(content: candidate.image.content, surroundings: nil, text: text)
        }
        fallback.generation.reinstate()
        switchOver(to: serving)
        retire(candidate, .reloaded)
    }
}
