import CommandOutput
import Control
import FrontDoor
import Logging
import PluginHost
import Settings
import StreamRuntime
import SystemCalls

/// The control socket of a serving process, for its status and for reloads.
extension ServingProcess {
    /// How long a client waits for a reload at most.
    private static let reloadSecondsMax = 600

    /// - Returns: `nil` if there should be none, or if the standard path can't be used.
    func controlSocket() throws(CommandFailure) -> ControlSocket? {
        guard settings.control != ControlPath.none else { return nil }
        if !settings.control.isEmpty { return try ControlSocket(listeningOn: settings.control) }
        do throws(CommandFailure) {
            try ControlPath.prepare(ControlPath.directory())
        } catch {
            logger.warning(
                "no control socket: 'sluice reload' and 'sluice status' won't find this server; choose another path with --control",
                metadata: ["error": "\(error)"])
            return nil
        }
        return try ControlSocket(listeningOn: ControlPath.standard(for: settings.plugins))
    }

    /// - Parameter socket: `nil`: the status is only on the admin listener.
    mutating func startControl(
        _ socket: ControlSocket?, _ addresses: [ServerAddress], startedAt: MonotonicNanoseconds
    ) {
        let report = StatusReport(
            .init(
                version: Sluice.version, address: addresses.first?.description, urls: addresses.map(\.url),
                admin: admin?.url, directory: settings.plugins, startedAt: startedAt),
            desk: desk, figures: figures.whole)
        adminPages.publish(report)
        guard let socket else { return }
        let server = ControlServer(socket, logger: logger) { [desk, events] command in
            switch command {
            case .status: return ControlAnswer(report.status())
            case .reload, .forcedReload:
                let result = desk.ask(isForced: command == .forcedReload, seconds: Self.reloadSecondsMax) {
                    events.post(.reload)
                }
                switch result {
                case .success(let outcome)?: return ControlAnswer(outcome)
                case .failure(let failure)?: return .refusal(failure.description)
                case nil: return .refusal("the reload did not end within \(Self.reloadSecondsMax) s")
                }
            }
        }
        guard server.start() else { return logger.error("no control socket: no thread can be started") }
        control = server
    }
}
