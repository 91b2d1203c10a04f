import EventStream
import ProducerInterface
import StreamLoop
import SystemCalls

/// What a reloader knows of the existing generations: what serves, what drains, what is on trial, and what is not tried
/// again.
struct ServedGenerations {
    /// What is served, by path.
    var serving: [String: ServingGeneration] = [:]
    /// The last number given, by plugin name: numbers are never reused.
    var numbers: [String: Int] = [:]
    var retired: [RetiredGeneration] = []
    /// Generations that have just replaced another, by plugin name.
    var trials: [String: GenerationOnTrial] = [:]
    /// Files that were refused for what they are, by path.
    var refused: [String: RefusedFile] = [:]
    /// By plugin and producer.
    var past: [String: PastLedger] = [:]
    /// How many new generations were rolled back.
    var rollbacks = 0
    /// How many files were refused, by the step at which that happened.
    var refusals: [String: Int] = [:]

    /// Keeps only the totals of generations that have been shut down.
    mutating func forgetShutDown() {
        for entry in retired.filter(\.generation.isShutDown).flatMap(\.entries) {
            past["\(entry.description.plugin)/\(entry.description.name)", default: PastLedger(of: entry)].add(entry)
        }
        retired.removeAll(where: \.generation.isShutDown)
    }
}

/// A generation that its routes lead to.
struct ServingGeneration: Sendable {
    let image: LoadedImage
    let generation: Generation
    let entries: [ProducerEntry]
    let since: MonotonicNanoseconds

    func moved(to path: String) -> ServingGeneration {
        ServingGeneration(image: image.moved(to: path), generation: generation, entries: entries, since: since)
    }
}

/// A generation whose remaining streams get some time.
struct RetiredGeneration: Sendable {
    let serving: ServingGeneration
    var reason: CloseReason
    var since: MonotonicNanoseconds

    var generation: Generation { serving.generation }
    var entries: [ProducerEntry] { serving.entries }
}

/// A file that is not tried again.
struct RefusedFile: Sendable {
    let content: String
    /// What else the refusal depends on; `nil`: nothing.
    let surroundings: String?
    let text: String
    /// The step at which it failed.
    let step: RefusalStep
}
