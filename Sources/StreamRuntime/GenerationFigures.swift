package import ProducerInterface
import Synchronization
package import SystemCalls

/// A generation at one moment: serving, draining or held.
package struct GenerationFigures: Sendable {
    package let image: LoadedImage
    /// Counts from 1 for each plugin.
    package let number: Int
    package let loadedAt: MonotonicNanoseconds
    /// When it was retired, and why; `nil` for one that is serving.
    package let retired: (at: MonotonicNanoseconds, reason: CloseReason)?
    /// Its trial: it has just replaced another generation, and is rolled back if its streams fail; `nil` once that is
    /// decided.
    package let trial: TrialFigures?
    /// The number of the generation on trial that it replaces if that one is rolled back.
    package let heldFor: Int?
    package let openStreams: Int
    /// `nil` if the loops were not asked, or one did not answer in time.
    package let streams: GenerationStreams?
    package let producers: [ProducerFigures]
}

/// A generation on trial.
package struct TrialFigures: Sendable, Equatable {
    /// Streams that have failed so far, and the number of failures at which it is rolled back.
    package let failures: Int
    package let failuresMax: Int
    package let until: MonotonicNanoseconds
}

/// A producer of one generation.
package struct ProducerFigures: Sendable {
    package let description: ProducerDescription
    package let ledger: ProducerEntry.Ledger
    /// Subscribers of shared streams that have left, by reason; reasons that never occurred are left out.
    package let leaves: [CloseReason: Int]
    /// Events that streams accepted while they changed over and left to their successors, which produce them again.
    package let supersededEvents: Int
    package let callbacks: CallbackCounts
    /// Streams that stayed in this generation or returned to it.
    package let kept: Int
    package let finishedRequests: Int
    /// What the loops have counted; `nil` if they were not asked, or one did not answer in time.
    package let tally: StreamTally?

    init(_ entry: ProducerEntry, _ streams: OpenStreams?) {
        description = entry.description
        ledger = entry.ledger
        leaves = entry.leavesByReason
        supersededEvents = entry.supersededEvents
        callbacks = entry.producer.callbackCounts
        kept = entry.keptStreams
        finishedRequests = entry.finishedRequests
        // One that began while the loops were asked has nothing to show yet.
        tally = streams.map { $0.tallies[ObjectIdentifier(entry)] ?? StreamTally() }
    }
}

/// The generations that exist at one moment. Their figures can be read even if they have been shut down since.
package struct GenerationList: Sendable {
    fileprivate struct Row: Sendable {
        let serving: ServingGeneration
        let retired: (at: MonotonicNanoseconds, reason: CloseReason)?
        let trial: TrialFigures?
        let heldFor: Int?
    }

    fileprivate let rows: [Row]
    let past: [PastLedger]
    let rollbacks: Int
    let refusedPlugins: [String: Int]

    package init() { self.init(rows: [], past: [], rollbacks: 0, refusedPlugins: [:]) }

    fileprivate init(rows: [Row], past: [PastLedger], rollbacks: Int, refusedPlugins: [String: Int]) {
        self.rows = rows
        self.past = past
        self.rollbacks = rollbacks
        self.refusedPlugins = refusedPlugins
    }

    fileprivate var entries: [ProducerEntry] { rows.flatMap(\.serving.entries) }

    func figures(_ streams: OpenStreams?) -> [GenerationFigures] {
        rows.map { row in
            let generation = row.serving.generation
            return GenerationFigures(
                image: row.serving.image, number: generation.number, loadedAt: row.serving.since, retired: row.retired,
                trial: row.trial, heldFor: row.heldFor, openStreams: generation.liveStreams,
                streams: streams?.of(generation),
                producers: row.serving.entries.map { ProducerFigures($0, streams) })
        }
    }
}

extension Reloader {
    /// The generations that serve, in the order of their files, then those that drain or are held, the oldest first.
    package var generations: GenerationList {
        state.withLock { state in
            state.forgetShutDown()
            let trials = Array(state.trials.values)
            let serving = state.serving.sorted { $0.key < $1.key }.map { GenerationList.Row($0.value, nil, trials) }
            let retired = state.retired.map { GenerationList.Row($0.serving, ($0.since, $0.reason), trials) }
            return GenerationList(
                rows: serving + retired, past: state.past.sorted { $0.key < $1.key }.map(\.value),
                rollbacks: state.rollbacks, refusedPlugins: state.refusals)
        }
    }

    /// The figures of all existing generations and of all streams.
    /// - Parameter seconds: how long to wait for the loops to list the open streams of each generation; 0: they are not
    ///   asked. A loop's thread must not wait for them.
    package func figures(waiting seconds: Int = 0) -> RuntimeFigures {
        // The loops first: the generations are those that there are after the wait.
        let streams = seconds > 0 ? runtime.openStreams(of: generations.entries, waiting: seconds) : nil
        return runtime.figures(of: generations, streams)
    }
}

extension GenerationList.Row {
    fileprivate init(
        _ serving: ServingGeneration, _ retired: (at: MonotonicNanoseconds, reason: CloseReason)?,
        _ trials: [GenerationOnTrial]
    ) {
        let own = trials.first { $0.candidate.generation === serving.generation }
        let trial = serving.generation.trial.flatMap { trial in
            own.map { TrialFigures(failures: trial.failureCount, failuresMax: trial.failuresMax, until: $0.until) }
        }
        self.init(
            serving: serving, retired: retired, trial: trial,
            heldFor: trials.first { $0.fallback.generation === serving.generation }?.candidate.generation.number)
    }
}
