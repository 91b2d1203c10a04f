import Control
import FrontDoor
import PluginHost
import Processes
import ProducerInterface
import StreamRuntime

/// Collects this server's figures. Any thread.
struct FiguresGatherer: Sendable {
    let runtime: Runtime
    let reloader: Reloader
    let door: Server
    let libraries: LibraryReport

    /// How long to wait for a loop that a producer delays.
    private static let loopSeconds = 2

    /// The figures that are available immediately.
    /// - Parameter generations: the generations to include; they can have been shut down since.
    func totals(of generations: GenerationList) -> ServerFigures { figures(runtime.figures(of: generations)) }

    /// All figures, including the streams of each generation and the size of its image. Any thread except the loops';
    /// takes some milliseconds.
    func whole() -> ServerFigures {
        let images = MappedImages()
        let changed = libraries.changed.map {
            ServerStatus.ChangedLibrary(library: $0.library, plugins: $0.plugins)
        }
        return figures(
            reloader.figures(waiting: Self.loopSeconds),
            ServerFigures.ImageFigures(count: images.count, bytes: images.bytes, changedLibraries: changed) { image in
                (image.origin as? LoadedPlugin).map { images.bytes(of: $0.mappedPath) } ?? 0
            }, .now())
    }

    private func figures(
        _ runtime: RuntimeFigures, _ images: ServerFigures.ImageFigures? = nil,
        _ process: ProcessUsage? = nil
    ) -> ServerFigures {
        ServerFigures(
            runtime: runtime,
            connections: .init(
                open: door.connectionCount, turnedAway: door.turnedAway, disallowedByKind: door.refused,
                madeRoom: door.madeRoomCount,
                arrivingBytes: door.arrivingBytes),
            functions: .current,
            images: images, process: process)
    }
}
