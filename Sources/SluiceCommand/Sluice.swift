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
        abstract: "Serve Server-Sent Events from shared objects.",
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
            case .validationFailure: (status, text) = (2, Self.line(Self.wrongUsage(error)))
            default:
                (status, text) = (code.rawValue, error is ExitCode ? "" : Self.line(Sluice.message(for: error)))
            }
        }
    }

    /// What is wrong with the command line, and which help to read. ArgumentParser says the latter in its full message
    /// alone: "See 'sluice serve --help' for more information."
    private static func wrongUsage(_ error: any Error) -> String {
        let message = Sluice.message(for: error)
        let help = Sluice.fullMessage(for: error).firstMatch(of: /See '([^']+)'/).map { String($0.output.1) }
        let root = "\(Sluice.configuration.commandName ?? "sluice") --help"
        if help == nil || help == root, let name = message.wholeMatch(of: /Unexpected argument '([^']+)'/)?.output.1 {
            let verbs = Sluice.configuration.subcommands.compactMap { verb in
                verb.configuration.shouldDisplay ? verb.configuration.commandName : nil
            }
            return "no subcommand '\(name)'"
                + Suggestion.text(for: String(name), among: verbs, otherwise: " (see \(root))")
        }
        return "\(message) (see \(help ?? root))"
    }

    private static func line(_ text: String) -> String {
        "sluice: " + text.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
    }
}
