import ArgumentParser
import Glibc

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have a running server take up what has changed.",
        discussion: """
            Does what SIGHUP does, waits for its end, and shows what has changed: plugins and settings. The exit status is 1 if \
            anything was refused; what was there before then keeps serving.

            \(ControlOptions.explanation)

            Examples:
              sluice reload ./plugins
              sluice reload --force ./plugins
              sluice reload --control /run/sluice/control.sock
            """)

    @OptionGroup var server: ControlOptions

    @Flag(help: "Also take up what was refused or taken back before, and take it back no more.")
    var force = false

    @Flag(help: "Write the answer as one JSON object.")
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
        let text = json ? answer.pretty() + "\n" : Self.text(answer)
        writeFully(Array(text.utf8), to: STDOUT_FILENO)
        if !(answer["refusals"]?.elements ?? []).isEmpty { throw ExitCode(1) }
    }

    /// A line for each kind of change, and one for each refusal.
    static func text(_ answer: JSONValue) -> String {
        let names = { (key: String) in (answer[key]?.elements ?? []).compactMap(\.text) }
        var lines = [("loaded", "loaded"), ("replaced", "replaced"), ("removed", "removed"), ("renamed", "renamed")]
            .compactMap { key, title in
                let names = names(key)
                return names.isEmpty
                    ? nil : "\(title)\(String(repeating: " ", count: 11 - title.count))\(names.joined(separator: ", "))"
            }
        let changed = names("changed_settings")
        if !changed.isEmpty { lines.append("settings   \(changed.joined(separator: ", "))") }
        let fixed = names("fixed_settings")
        if !fixed.isEmpty {
            lines.append("not now    \(fixed.joined(separator: ", ")): needs a new start of the server")
        }
        lines.append("unchanged  \(answer["unchanged"]?.integer ?? 0)")
        lines += names("refusals").map { "refused    \($0)" }
        return lines.map { PluginDeclaration.printable($0) }.joined(separator: "\n") + "\n"
    }
}
