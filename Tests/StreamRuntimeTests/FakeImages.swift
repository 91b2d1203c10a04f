import EventStream
import Synchronization

@testable import StreamRuntime

/// A directory of plugins that the test makes up.
final class FakeImages: ImageSource {
    struct File: Sendable {
        var content: String
        var plugin: String
        var routes: [String]
        /// What loading it says instead of loading it.
        var refusal: String?
        var steps: [FakeProducer.Step] = []
        var isResumable = false

        /// All that is in the file.
        var whole: String { ([content, plugin] + routes).joined(separator: " ") }
    }

    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private let state = Mutex(State())

    private struct State {
        var files: [String: File] = [:]
        var isMissing = false
        var loads: [String] = []
        var shutdowns: [String] = []
        var hanging: String?
        var opening: (@Sendable (FakeStream) -> OpenOutcome)?
        var producers: [String: FakeProducer] = [:]
    }

    subscript(path: String) -> File? {
        get { state.withLock { $0.files[path] } }
        set { state.withLock { $0.files[path] = newValue } }
    }

    /// The directory itself cannot be read.
    func setMissing(_ isMissing: Bool) { state.withLock { $0.isMissing = isMissing } }

    /// What the producers of images that are loaded from now on answer to `open`.
    var opening: (@Sendable (FakeStream) -> OpenOutcome)? {
        get { state.withLock { $0.opening } }
        set { state.withLock { $0.opening = newValue } }
    }

    private let hanging = Condition()

    /// The image ("path content") whose shutdown does not return until another is named, or none.
    func setHanging(_ name: String?) {
        hanging.withLock {
            state.withLock { $0.hanging = name }
            hanging.broadcast()
        }
    }

    /// "path content" of each load, and of each shutdown.
    var loads: [String] { state.withLock { $0.loads } }
    var shutdowns: [String] { state.withLock { $0.shutdowns } }

    /// The producer of a route, of the image with this content.
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

    func load(_ path: String) throws -> LoadedImage {
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
        if let refusal = file.refusal { throw Refusal(description: refusal) }
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
