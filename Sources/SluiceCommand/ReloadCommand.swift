import ArgumentParser
import CommandOutput
import Control
import Glibc

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Tell a running server to reload.",
        discussion: """
            Does what SIGHUP does, waits until it is done, and shows which plugins and settings have changed. The exit \
            status is 1 if anything was refused; in that case the old version keeps serving.

            \(ControlOptions.explanation)

            Examples:
              sluice reload ./plugins
              sluice reload --force ./plugins
              sluice reload --control /run/sluice/control.sock
            """)

    @OptionGroup var server: ControlOptions

    @Flag(help: "Also load plugins that were refused or rolled back before, and do not roll them back again.")
    var force = false

    @Flag(help: "Print the server's answer, one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("How long to wait.", valueName: "seconds"))
    var timeout = 300

    /// A deploy script may want to wait for as long as the server does; a day is more than that.
    static let secondsMax = 86_400

    func validate() throws {
        guard (1...Self.secondsMax).contains(timeout) else {
            throw ValidationError(
                "--timeout: expected a whole number of seconds from 1 to \(Self.secondsMax), not '\(timeout)'")
        }
    }

    func run() throws {
        let answer = try server.ask(force ? .forcedReload : .reload, seconds: timeout)
        let outcome = try ControlClient.decoded(ReloadOutcome.self, from: answer)
        if json {
            writeFully(answer + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
        } else {
            writeFully(outcome.text, to: STDOUT_FILENO)
        }
        if !(outcome.refusals ?? []).isEmpty { throw ExitCode(1) }
    }
}
