import EventStream
import ProducerInterface
import StreamLoop
import SystemCalls

/// What a reloader knows of the generations that there are: what serves, what drains, what is on trial, and what is not tried again.
struct ServedGenerations {
    /// What is served, by path.
    var serving: [String: ServingGeneration] = [:]
    /// The last number given, by plugin name: numbers are never used again.
    var numbers: [String: Int] = [:]
    var retired: [RetiredGeneration] = []
    /// Generations that replaced another a moment ago, by plugin name.
    var trials: [String: GenerationOnTrial] = [:]
    /// What was refused for what it is, by path.
    var refused: [String: RefusedFile] = [:]
    /// By plugin and producer.
    var past: [String: PastLedger] = [:]

    /// Of what is shut down only the account stays.
    mutating func forgetShutDown() {
        for entry in retired.filter(\.generation.isShutDown).flatMap(\.entries) {
            past["\(entry.description.plugin)/\(entry.description.name)", default: PastLedger(of: entry)].add(entry)
        }
        retired.removeAll(where: \.generation.isShutDown)
    }
}

/// A generation whose routes lead to it.
struct ServingGeneration: Sendable {
    let image: LoadedImage
    let generation: Generation
    let entries: [ProducerEntry]
    let since: MonotonicNanoseconds

    func moved(to path: String) -> ServingGeneration {
        ServingGeneration(image: image.moved(to: path), generation: generation, entries: entries, since: since)
    }
}

/// A generation that gives its last streams some time.
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
    /// What its refusal depends on besides; `nil`: nothing.
    let surroundings: String?
    let text: String
}
