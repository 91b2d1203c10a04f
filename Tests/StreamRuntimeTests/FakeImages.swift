import Locks
import ProducerInterface
import Synchronization

@testable import StreamRuntime

/// A directory of plugins with contents that the test defines.
final class FakeImages: ImageSource {
    struct File: Sendable {
        var content: String
        var plugin: String
        var routes: [String]
        /// The refusal when it is loaded, if any.
        var refusal: String?
        var cause = RefusalCause.content
        /// It is decided after all others.
        var isSlow = false
        var steps: [FakeProducer.Step] = []
        var isResumable = false

        /// The whole content of the file.
        var whole: String { ([content, plugin] + routes).joined(separator: " ") }
    }

    struct Refusal: Error, CustomStringConvertible {
        let description: String
        var cause = RefusalCause.content
    }

    private let state = Mutex(State())

    private struct State {
        var files: [String: File] = [:]
        var isMissing = false
        var isAbandoned = false
        var surroundings = ""
        var loads: [String] = []
        var shutdowns: [String] = []
        var hanging: String?
        var opening: (@Sendable (FakeStream) -> OpenOutcome)?
        var producers: [String: FakeProducer] = [:]
    }

    /// Adds a file. By default, its plugin has the file's name.
    func put(_ path: String, _ content: String, plugin: String? = nil, routes: [String]) {
        self[path] = File(content: content, plugin: plugin ?? String(path.prefix { $0 != "." }), routes: routes)
    }

    subscript(path: String) -> File? {
        get { state.withLock { $0.files[path] } }
        set { state.withLock { $0.files[path] = newValue } }
    }

    /// Sets whether the directory can't be read.
    func setMissing(_ isMissing: Bool) { state.withLock { $0.isMissing = isMissing } }

    /// Stops the server.
    func abandon() { state.withLock { $0.isAbandoned = true } }

    /// Sets the surroundings of all files.
    func setSurroundings(_ text: String) { state.withLock { $0.surroundings = text } }

    /// The result of `open` for the producers of images that are loaded from now on.
    var opening: (@Sendable (FakeStream) -> OpenOutcome)? {
        get { state.withLock { $0.opening } }
        set { state.withLock { $0.opening = newValue } }
    }

    private let hanging = Condition()

    /// Sets the image ("path content") whose shutdown does not return until this is changed.
    func setHanging(_ name: String?) {
        hanging.withLock {
            state.withLock { $0.hanging = name }
            hanging.broadcast()
        }
    }

    /// "path content" for each load, and for each shutdown.
    var loads: [String] { state.withLock { $0.loads } }
    var shutdowns: [String] { state.withLock { $0.shutdowns } }

    /// The producer of a route, in the image with this content.
    func producer(_ route: String, _ content: String) -> FakeProducer {
        state.withLock { $0.producers["\(route) \(content)"]! }
    }

    func scan() throws -> [String] {
        try state.withLock { state in
            if state.isMissing { throw Refusal(description: "plugins: no such directory") }
            return state.files.keys.sorted()
        }
    }

    func content(of path: String) throws -> String {
        guard let file = self[path] else { throw Refusal(description: "\(path): gone") }
        if file.content == "unreadable" { throw Refusal(description: "\(path): unreadable") }
        return file.whole
    }

    func surroundings(of path: String) -> String { state.withLock { $0.surroundings } }

    func cause(of refusal: any Error) -> RefusalCause { (refusal as? Refusal)?.cause ?? .content }

    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Loads one after the other. Those in `slow` are decided after all others are admitted.
    func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome] {
        let slow = paths.filter { self[$0]?.isSlow ?? false }
        let outcomes = { (paths: [String]) in paths.map { path in (path, Result { try self.load(path) }) } }
        guard !slow.isEmpty else { return outcomes(paths) }
        ready(outcomes(paths.filter { !slow.contains($0) }))
        meanwhile()
        return outcomes(slow)
    }

    private func load(_ path: String) throws -> LoadedImage {
        guard let file = self[path] else { throw Refusal(description: "\(path): gone") }
        let name = "\(path) \(file.content)"
        let opening = opening
        let producers = file.routes.map {
            FakeProducer(
                file.steps, name: String($0.dropFirst()), route: $0, isResumable: file.isResumable,
                opening: opening ?? { _ in .opened(headers: []) })
        }
        state.withLock { state in
            state.loads.append(name)
            for producer in producers { state.producers["\(producer.description.route) \(file.content)"] = producer }
        }
        if let refusal = file.refusal { throw Refusal(description: refusal, cause: file.cause) }
        return LoadedImage(plugin: file.plugin, path: path, content: file.whole, producers: producers) { [self] in
            hanging.withLock { while state.withLock({ $0.hanging }) == name { hanging.wait(until: .max) } }
            state.withLock { $0.shutdowns.append(name) }
        }
    }

    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? {
        for other in others {
            if other.plugin == candidate.plugin { return "\(candidate.path): \(other.path) has the same name" }
            let taken = Set(other.producers.map(\.description.route))
            for route in candidate.producers.map(\.description.route) where taken.contains(route) {
                return "\(candidate.path): \(other.path) has route \(route)"
            }
        }
        return nil
    }
}

/// Shuts down on the calling thread, so that a test sees the end at once.
let atOnce: @Sendable (@escaping @Sendable () -> Void) -> Bool = { body in
    body()
    return true
}
