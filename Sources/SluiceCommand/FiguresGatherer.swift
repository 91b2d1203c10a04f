import Control
import FrontDoor
import PluginHost
import StreamRuntime

/// Makes the figures of this server. Any thread.
struct FiguresGatherer: Sendable {
    let runtime: Runtime
    let reloader: Reloader
    let door: Server
    let libraries: LibraryReport

    /// A loop that a producer holds up is not waited for any longer.
    private static let loopSeconds = 2

    /// What can be had at once.
    /// - Parameter generations: those that the figures are about; they can have been shut down since.
    func totals(of generations: GenerationList) -> ServerFigures { figures(runtime.figures(of: generations)) }

    /// With the streams of each generation, and what its image takes. Any thread but the loops'; takes some milliseconds.
    func whole() -> ServerFigures {
        let images = MappedImages()
        let changed = libraries.changed.map {
            ServerStatus.ChangedLibrary(library: $0.library, plugins: $0.plugins)
        }
        return figures(
            reloader.figures(waiting: Self.loopSeconds),
            ServerFigures.ImageFigures(count: images.count, bytes: images.bytes, changedLibraries: changed) { image in
                (image.origin as? LoadedPlugin).map { images.bytes(of: $0.mappedPath) } ?? 0
            })
    }

    private func figures(
        _ runtime: RuntimeFigures, _ images: ServerFigures.ImageFigures? = nil
    ) -> ServerFigures {
        let functions = FunctionFigures.current
        return ServerFigures(
            runtime: runtime,
            connections: .init(
                open: door.connectionCount, turnedAway: door.turnedAwayCount, madeRoom: door.madeRoomCount,
                arrivingBytes: door.arrivingBytes),
            functions: .init(live: functions.live, tombstones: functions.tombstones, bytes: functions.bytes),
            images: images)
    }
}
