import ArgumentParser
import Glibc

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what a running server has: plugins, generations, streams.",
        discussion: """
            A row for each generation of a plugin: whether it serves or drains, its open streams and the oldest of them, and how much \
            address space its image has, which is never given back. Below it who still holds what drains, and what was refused.

            \(ControlOptions.explanation)

            Examples:
              sluice status ./plugins
              sluice status --json
            """)

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one JSON object; its keys keep their names and meanings.")
    var json = false

    func run() throws {
        let answer = try server.ask(.status, seconds: 15)
        let text = json ? answer.pretty() + "\n" : StatusTable(answer).text
        writeFully(Array(text.utf8), to: STDOUT_FILENO)
    }
}
