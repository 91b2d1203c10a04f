import ArgumentParser
import CommandOutput
import Control
import Files
import Glibc
import Settings

/// How `sluice reload` and `sluice status` find the server.
struct ControlOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The directory that the server serves.", valueName: "dir"))
    var directory: String?

    @Option(help: ArgumentHelp("The server's control socket, if it was started with --control.", valueName: "path"))
    var control: String?

    @Option(
        help: ArgumentHelp(
            "The server's configuration file (default: \(ConfigurationFile.defaultPath), if there is one).",
            valueName: "file"))
    var config: String?

    /// A paragraph of both commands' help.
    static let explanation = """
        The server is found by its control socket: the one given with --control, or else the one for DIR, or for the \
        directory that the environment or \(ConfigurationFile.defaultPath) names. With none of these, it is the only \
        server that this user runs.
        """

    /// Sends a request, and waits for the answer.
    /// - Returns: the answer as received: one line of JSON, without a newline.
    /// - Throws: why there is no answer.
    func ask(_ command: ControlProtocol.Command, seconds: Int) throws -> [UInt8] {
        let path = try path()
        let socket: UnixSocket
        switch UnixSocket.connect(to: path) {
        case .success(let found): socket = found
        case .failure(let error):
            throw CommandFailure(
                error.code == ENOENT || error.code == ECONNREFUSED
                    ? "no server is running\(place) (control socket \(path): \(error)); start one with 'sluice serve', or "
                        + "name another directory, or --control"
                    : "control socket \(path): \(error)")
        }
        return try ControlClient(socket).ask(command, seconds: seconds)
    }

    private var place: String { directory.map { " for \($0)" } ?? "" }

    private func path() throws -> String {
        if let control { return control }
        // Safe, because the settings are only used to find the server.
        var flags = [SettingRows.server.insecurePlugins.name: "true"]
        if let directory { flags[SettingRows.server.plugins.name] = directory }
        let sources = try SettingSources(
            flags: flags, environment: SettingsOrigin.environment(), configurationPath: config)
        let named = try sources[SettingRows.server.control]
        guard named != ControlPath.none else {
            throw CommandFailure("the server has no control socket: control is 'none'")
        }
        if !named.isEmpty { return named }
        let plugins = try sources[SettingRows.server.plugins]
        if !plugins.isEmpty { return ControlPath.standard(for: plugins) }
        return try onlyOne()
    }

    private func onlyOne() throws -> String {
        let running = ControlPath.all().filter { path in
            guard case .success(let socket) = UnixSocket.connect(to: path) else { return false }
            socket.close()
            return true
        }
        guard let path = running.first else {
            throw CommandFailure("you are running no server; start one with 'sluice serve', or give --control")
        }
        guard running.count == 1 else {
            throw CommandFailure(
                "you are running \(running.count) servers; give the directory of one, or --control with one of "
                    + running.joined(separator: ", "))
        }
        return path
    }
}
