import CCalls
import EventStream
package import Files
import Logging
import ProducerInterface
import Synchronization

/// A plugin in memory: one generation. It stays there for ever; only its use ends.
package final class LoadedPlugin: Sendable {
    package let name: String
    package let version: String
    package let summary: String
    /// The version of `sluice.h` when the plugin was built: "1.0".
    package let interfaceVersion: String
    /// The path that it was loaded from, as the operator wrote it.
    package let file: String
    package let contentID: ContentID
    /// The file that was mapped, as /proc/self/maps names it.
    package let mappedPath: String
    package let producers: [PluginProducer]

    private let code: PluginCode
    private let callee: PluginCallee
    private let shutdownFunction: ShutdownFunction?
    private let isShutDown = Atomic(false)
    private let logger: Logger

    init(
        _ manifest: Manifest, _ code: PluginCode, probed: ProbedPlugin, producers: [PluginProducer], logger: Logger
    ) {
        self.code = code
        callee = PluginCallee(plugin: manifest.name)
        name = manifest.name
        version = manifest.version
        summary = manifest.summary
        interfaceVersion = manifest.interfaceVersion
        file = probed.path
        contentID = probed.contentID
        mappedPath = probed.copy.mappedPath
        self.producers = producers
        shutdownFunction = manifest.shutdown.map(ShutdownFunction.init)
        var logger = logger
        logger[metadataKey: "plugin"] = "\(manifest.name)"
        self.logger = logger
    }

    /// Lets the plugin free what it holds. Must be called after the last close of its streams, or when it is not used
    /// at all. Further calls do nothing.
    package func shutdown() {
        guard !isShutDown.exchange(true, ordering: .acquiringAndReleasing), let shutdownFunction else { return }
        _ = LoadThread.run(logger: logger) { callee.call(.shutdown) { shutdownFunction.call() } }
    }

    /// Sets its generation, for lines about its code, or about calls of it.
    package func serves(as generation: Int) {
        code.serves(as: generation)
        callee.serves(as: generation)
        for producer in producers { producer.callee.serves(as: generation) }
    }
}

/// `@unchecked Sendable`: the address of a function, which stays mapped for ever.
private struct ShutdownFunction: @unchecked Sendable {
    let call: @convention(c) () -> Void
}

/// What keeps plugins from serving side by side: a name or a route that two of them have.
///
/// - Returns: one refusal for each conflict, of the later plugin. There is none for two producers of one plugin, which
///   `PluginLoader.load` refuses.
package func conflicts(among plugins: [LoadedPlugin]) -> [PluginRefusal] {
    var names: [String: LoadedPlugin] = [:]
    var routes: [String: (plugin: LoadedPlugin, producer: PluginProducer)] = [:]
    var refusals: [PluginRefusal] = []
    for plugin in plugins {
        if let other = names[plugin.name] {
            refusals.append(
                PluginRefusal(
                    file: plugin.file, rule: "its name, \(plugin.name), is already used by \(other.file)",
                    remedy: "rename one of the two plugins, or remove one"))
        } else {
            names[plugin.name] = plugin
        }
        for producer in plugin.producers {
            if let other = routes[producer.routeShape], other.plugin !== plugin {
                refusals.append(
                    PluginRefusal(
                        file: plugin.file,
                        rule:
                            "its producer \(producer.description.name) has the route \(producer.description.route), which conflicts with "
                            + "\(other.producer.description.name) (\(other.producer.description.route)) in \(other.plugin.file)",
                        remedy: "change one of the two routes, or remove one plugin"))
            } else {
                routes[producer.routeShape] = (plugin, producer)
            }
        }
    }
    return refusals
}
