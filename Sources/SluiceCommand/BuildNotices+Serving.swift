import Authoring
import ProducerInterface
import StreamRuntime

extension BuildNotices {
    /// Notices about what `reloader` serves, to the subscribers of `runtime`.
    init(of reloader: Reloader, to runtime: Runtime) {
        self.init(
            served: { file in
                reloader.figures().generations.first { $0.image.path == file }.map { generation in
                    .init(
                        plugin: generation.image.plugin, routes: generation.producers.map(\.description.route))
                }
            }, announce: { frame, plugin in runtime.announce(frame, to: plugin) })
    }
}
