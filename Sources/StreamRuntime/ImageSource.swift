package import ProducerInterface

/// A plugin as a loader hands it over: one image, checked, its code loaded, nothing of it running yet.
package struct LoadedImage: Sendable {
    package let plugin: String
    package let path: String
    /// Equal for files of equal content.
    package let content: String
    package let producers: [any EventProducer]
    package let shutdown: @Sendable () -> Void
    /// Is told its number once it is a generation.
    package let admitted: @Sendable (Int) -> Void
    /// The source's own.
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

/// What a reloader needs of those who know files and images.
package protocol ImageSource: Sendable {
    /// What became of a candidate.
    typealias Outcome = (path: String, result: Result<LoadedImage, any Error>)

    /// The candidates' paths, sorted.
    /// - Throws: an error whose description says what is wrong with the directory.
    func scan() throws -> [String]
    /// What stands in the file, to tell whether it changed.
    /// - Throws: why the file is refused.
    func content(of path: String) throws -> String
    /// What around a file its loading may depend on, to tell whether that changed.
    func surroundings(of path: String) -> String
    /// Loads these side by side, and returns when all are decided, or when nobody waits for them any longer.
    /// - Parameters:
    ///   - meanwhile: is called now and then, on the calling thread.
    ///   - ready: is called on the calling thread with what has been decided while others hang.
    /// - Returns: all that was decided and not given to `ready`.
    func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome]
    func cause(of refusal: any Error) -> RefusalCause
    /// Why a candidate cannot serve beside the others: the same name, or a route that another has.
    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String?
    /// Nobody waits for the reload that runs: the server stops.
    var isAbandoned: Bool { get }
}

extension ImageSource {
    package var isAbandoned: Bool { false }
}
