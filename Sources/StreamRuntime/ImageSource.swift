package import ProducerInterface

/// A plugin as a loader delivers it: one image, checked, its code loaded but not running yet.
package struct LoadedImage: Sendable {
    package let plugin: String
    package let path: String
    /// Equal for files of equal content.
    package let content: String
    package let producers: [any EventProducer]
    package let shutdown: @Sendable () -> Void
    /// Called with its number once it is a generation.
    package let admitted: @Sendable (Int) -> Void
    /// For the source's own use.
    package let origin: any Sendable

    package init(
        plugin: String, path: String, content: String, producers: [any EventProducer], origin: any Sendable = (),
        admitted: @escaping @Sendable (Int) -> Void = { _ in }, shutdown: @escaping @Sendable () -> Void
    ) {
        self.plugin = plugin
        self.path = path
        self.content = content
        self.producers = producers
        self.origin = origin
        self.admitted = admitted
        self.shutdown = shutdown
    }

    func moved(to path: String) -> LoadedImage {
        LoadedImage(
            plugin: plugin, path: path, content: content, producers: producers, origin: origin, admitted: admitted,
            shutdown: shutdown)
    }
}

/// What a reloader needs from the part that knows files and images.
package protocol ImageSource: Sendable {
    /// What became of a candidate.
    typealias Outcome = (path: String, result: Result<LoadedImage, any Error>)

    /// The paths of the candidates, sorted.
    /// - Throws: an error whose description says what is wrong with the directory.
    func scan() throws -> [String]
    /// What identifies the file's content, to detect changes.
    /// - Throws: why the file is refused.
    func content(of path: String) throws -> String
    /// What else the loading of a file may depend on, to detect changes of that.
    func surroundings(of path: String) -> String
    /// Loads these side by side, and returns when all are decided, or when nothing waits for them any longer.
    /// - Parameters:
    ///   - meanwhile: called now and then, on the calling thread.
    ///   - ready: called on the calling thread with the outcomes that are decided while others hang.
    /// - Returns: all outcomes that were decided and not given to `ready`.
    func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome]
    func cause(of refusal: any Error) -> RefusalCause
    /// The step at which a candidate failed.
    func step(of refusal: any Error) -> RefusalStep
    /// Why a candidate cannot serve beside the others: it has the same name, or a route that another one has.
    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String?
    /// Nothing waits for the running reload any more: the server is stopping.
    var isAbandoned: Bool { get }
}

extension ImageSource {
    package var isAbandoned: Bool { false }
    package func step(of refusal: any Error) -> RefusalStep { .load }
}
