import ArgumentParser
import CommandOutput
import Control
import Glibc

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the plugins, generations and streams of a running server.",
        discussion: """
            Prints a row for each generation of a plugin: its state (serving or draining), its open streams, the age \
            of the oldest one, and the address space of its image, which is never released. Below the table: the \
            streams that keep old generations alive, and the plugins that were refused.

            \(ControlOptions.explanation)

            Examples:
              sluice status ./plugins
              sluice status --json
            """)

    @OptionGroup var server: ControlOptions

    @Flag(help: "Print the server's answer, one JSON object; its keys keep their names and meanings.")
    var json = false

    func run() throws {
        let answer = try server.ask(.status, seconds: 15)
        if json {
            writeFully(answer + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
        } else {
            let status = try ControlClient.decoded(ServerStatus.self, from: answer)
            writeFully(StatusTable(status).text, to: STDOUT_FILENO)
        }
    }
}
