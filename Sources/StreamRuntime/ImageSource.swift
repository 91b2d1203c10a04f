package import EventStream

/// A plugin as a loader hands it over: one image, checked, its code loaded, nothing of it running yet.
package struct LoadedImage: Sendable {
    package let plugin: String
    package let path: String
    /// Equal for files of equal content.
    package let content: String
    package let producers: [any EventProducer]
    package let shutdown: @Sendable () -> Void
    /// The source's own.
    package let origin: any Sendable

    package init(
        plugin: String, path: String, content: String, producers: [any EventProducer], origin: any Sendable = (),
        shutdown: @escaping @Sendable () -> Void
    ) {
        self.plugin = plugin
        self.path = path
        self.content = content
        self.producers = producers
        self.origin = origin
        self.shutdown = shutdown
    }

    func moved(to path: String) -> LoadedImage {
        LoadedImage(
            plugin: plugin, path: path, content: content, producers: producers, origin: origin, shutdown: shutdown)
    }
}

/// What a reloader needs of those who know files and images.
package protocol ImageSource: Sendable {
    /// The candidates' paths, sorted.
    /// - Throws: an error whose description says what is wrong with the directory.
    func scan() throws -> [String]
    /// What stands in the file, to tell whether it changed.
    /// - Throws: why the file is refused.
    func content(of path: String) throws -> String
    /// These are about to be loaded, one after the other: what can be done for them at the same time is done now.
    func prepare(_ paths: [String])
    /// - Throws: why the file is refused.
    func load(_ path: String) throws -> LoadedImage
    /// Whether a refusal by `load` is the content's fault, so that the same content need not be tried again.
    func isLasting(_ refusal: any Error) -> Bool
    /// Why a candidate cannot serve beside the others: the same name, or a route that another has.
    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String?
}

extension ImageSource {
    package func prepare(_ paths: [String]) {}
    package func isLasting(_ refusal: any Error) -> Bool { true }
}
