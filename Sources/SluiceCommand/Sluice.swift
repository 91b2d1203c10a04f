import ArgumentParser
import CLinux
import CommandOutput
import Glibc
import Settings

@main
struct Sluice: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Turns shared objects into Server-Sent-Event streams.",
        version: version,
        subcommands: [
            ServeCommand.self, DevCommand.self, BuildCommand.self, NewCommand.self, RunCommand.self,
            InspectCommand.self, ReloadCommand.self, StatusCommand.self, CheckCommand.self, ProbeCommand.self,
            ScenarioCommand.self,
        ])

    /// Runs the command; its errors become one line and an exit status: 2 for what the user got wrong, 1 for all else.
    static func main() async {
        // For ps, pgrep and killall it is the command that was given, not the file that the launcher has executed.
        sluice_set_thread_name("sluice")
        // Its owner can always use what this process makes: a mask that forbids it only makes trouble.
        umask(umask(0o077) & 0o077)
        do {
            var command = try await asyncParseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            ProcessEnd.leave(0)
        } catch {
            let end = CommandEnd(error)
            writeFully(end.text, to: end.status == 0 ? STDOUT_FILENO : STDERR_FILENO)
            ProcessEnd.leave(end.status)
        }
    }
}

/// How the process ends after an error, or after what ArgumentParser throws to print its help.
struct CommandEnd: Equatable {
    let status: Int32
    /// Empty, or ends with a newline.
    let text: String

    init(_ error: any Error) {
        switch error {
        case let error as SettingError: (status, text) = (2, Self.line(error.description))
        case let error as UsageError: (status, text) = (2, Self.line(error.description))
        case let error as CommandFailure: (status, text) = (1, Self.line(error.description))
        default:
            let code = Sluice.exitCode(for: error)
            switch code {
            case .success: (status, text) = (0, Sluice.fullMessage(for: error) + "\n")
            case .validationFailure:
                (status, text) = (2, Self.line(Sluice.message(for: error) + " (sluice --help explains)"))
            default:
                (status, text) = (code.rawValue, error is ExitCode ? "" : Self.line(Sluice.message(for: error)))
            }
        }
    }

    private static func line(_ text: String) -> String {
        "sluice: " + text.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
    }
}
