package import ProducerInterface
import StreamLoop
import Synchronization

/// What is told of generations to those who ask.
extension Reloader {
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
}

extension Reloader.Standing {
    fileprivate init(
        _ serving: ServingGeneration, retired: (at: Int64, reason: CloseReason)?, _ trials: [GenerationOnTrial]
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
