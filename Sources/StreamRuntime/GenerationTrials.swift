import Logging
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls

/// Decides whether a generation that has just replaced another is kept: if its streams fail one after the other, the
/// previous generation serves again.
///
/// That one is held until then: it is retired and its streams continue in the new one, but its `shutdown` waits. So the
/// image that worked takes over, with all its state in memory, and nothing has to be loaded when something is already
/// wrong. A stream that fails immediately returns there at once, before anything is decided, and its subscriber does
/// not notice. The failure counts against the new generation only if the stream does not fail there, too: a request
/// that is wrong in itself says nothing about the generation.
struct GenerationTrials {
    let reloader: Reloader

    func begin(_ candidate: ServingGeneration, insteadOf fallback: ServingGeneration, for duration: Nanoseconds) {
        let trial = GenerationOnTrial(
            candidate: candidate, fallback: fallback, until: reloader.clock().addingSaturating(duration))
        trial.begin()
        let before = reloader.state.withLock { $0.trials.updateValue(trial, forKey: candidate.image.plugin) }
        // Another reload during the trial: the generation that is replaced now becomes the one to return to.
        before?.end()
    }

    /// Ends the trials that are decided or whose time is over.
    /// - Returns: when the next trial is over.
    func settle() -> MonotonicNanoseconds? {
        let now = reloader.clock()
        for (plugin, trial) in reloader.state.withLock(\.trials).sorted(by: { $0.key < $1.key }) {
            switch trial.candidate.generation.trial?.verdict {
            case .failed: rollBack(trial)
            case .open? where now < trial.until && serves(trial.candidate): continue
            case .open, .passed, nil: break
            }
            reloader.state.withLock { $0.trials[plugin] = nil }
            trial.end()
        }
        return reloader.state.withLock { $0.trials.values.map(\.until).min() }
    }

    func endAll() {
        let trials = reloader.state.withLock { state in
            defer { state.trials = [:] }
            return state.trials
        }
        for trial in trials.values { trial.end() }
    }

    private func serves(_ candidate: ServingGeneration) -> Bool {
        reloader.state.withLock { $0.serving.values.contains { $0.generation === candidate.generation } }
    }

    private func rollBack(_ trial: GenerationOnTrial) {
        let (candidate, fallback) = (trial.candidate, trial.fallback)
        var serving = reloader.state.withLock(\.serving)
        guard let path = serving.first(where: { $0.value.generation === candidate.generation })?.key else { return }
        let text =
            "\(path): \(candidate.generation.trial?.failureCount ?? 0) of its streams failed immediately, and none succeeded; the log has their errors"
        let others = serving.filter { $0.key != path }.map(\.value.image).sorted { $0.path < $1.path }
        var metadata: Logger.Metadata = [
            "plugin": "\(candidate.image.plugin)", "from_generation": .stringConvertible(candidate.generation.number),
            "to_generation": .stringConvertible(fallback.generation.number), "error": "\(text)",
        ]
        if let conflict = reloader.source.conflict(of: fallback.image, with: others) {
            metadata["conflict"] = "\(conflict)"
            return reloader.logger.error(
                "plugin not rolled back: another plugin now has its name or a route of it", metadata: metadata)
        }
        reloader.logger.error("plugin rolled back", metadata: metadata)
        serving[path] = fallback.moved(to: path)
        reloader.state.withLock { state in
            state.refused[path] = RefusedFile(
                content: candidate.image.content, surroundings: nil, text: text, step: .trial)
            state.rollbacks += 1
        }
        fallback.generation.reinstate()
        reloader.switchOver(to: serving, retiring: [(candidate, .reloaded)])
        Retirement(reloader: reloader).begin(candidate, .reloaded)
    }
}

/// A generation on trial, and the one that served before it.
struct GenerationOnTrial: Sendable {
    /// Has a trial.
    let candidate: ServingGeneration
    /// Served before; it is held.
    let fallback: ServingGeneration
    let until: MonotonicNanoseconds

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
