import CommandOutput
import Control
import FrontDoor
import Logging
import Settings
import StreamRuntime
import Synchronization

/// The admin listener: a server of its own, with one thread. So it answers even if the public one has as many
/// connections as it may have, and from the start of the process to its end.
final class AdminDoor: Sendable {
    private let server: Server
    private let logger: Logger
    private let address = Mutex<ServerAddress?>(nil)

    /// "http://127.0.0.1:9180", once it listens.
    var url: String? { address.withLock { $0?.url } }

    /// - Parameter settings: with one listener.
    init(_ settings: ServerSettings, pages: AdminPages, logger: Logger) {
        server = Server(settings, pages: pages.table, opener: PagesOnly(), logger: logger)
        self.logger = logger
    }

    /// Begins to listen.
    func start() async throws(CommandFailure) {
        do throws(ServerError) {
            let addresses = try await server.start()
            address.withLock { $0 = addresses.first }
            logger.info("admin listening", metadata: ["address": "\(url ?? "")"])
        } catch {
            throw CommandFailure("--\(SettingRows.server.admin.name): \(error.description)")
        }
    }

    /// Limits, hosts and the log change; the listener does not.
    func replaceSettings(_ settings: ServerSettings) { server.replaceSettings(settings) }

    /// Removes its socket in the file system, if it has one; for an end without `stop`.
    func removeFiles() { server.removeFiles() }

    func stop() async { await server.stop(within: .zero) }
}
