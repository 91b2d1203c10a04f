import FoundationEssentials
import Glibc
import TestSupport

/// A running `sluice dev` in the folder `plugins` of a workshop, with its temporary files beside it.
final class DevServer: Sendable {
    let workshop: Workshop
    let program: RunningProgram
    let port: Int

    /// The content of an event `sluice-build`.
    struct Build: Decodable, Equatable {
        let file: String
        let ok: Bool
        let text: String

        init?(_ event: TestEvent) {
            guard event.type == "sluice-build", let data = event.data,
                let build = try? JSONDecoder().decode(Build.self, from: Data(data.utf8))
            else { return nil }
            self = build
        }
    }

    init(_ workshop: Workshop, environment: [String: String] = [:]) throws {
        self.workshop = workshop
        for folder in ["plugins", "temporary"] { mkdir(workshop.path(folder), 0o755) }
        let variables = ["TMPDIR": workshop.path("temporary")].merging(environment) { $1 }
        program = try RunningProgram(
            workshop.words(
                ["dev", "plugins", "--listen", "127.0.0.1:0", "--log-format", "json"], environment: variables))
        let line = program.output.wait(.seconds(120)) { $0.contains("http://") }
        guard let port = line?.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw TestFailure("it does not listen: \(program.output.lines) \(program.errors.lines)")
        }
        self.port = port
    }

    /// Saves a source as careful editors do: to another name, and then renamed.
    func save(_ text: String, to name: String) {
        workshop.write(text, to: "plugins/.\(PathName.last(name)).swp")
        rename(workshop.path("plugins/.\(PathName.last(name)).swp"), workshop.path("plugins/\(name)"))
    }

    func subscribe(_ target: String) throws -> TestSubscriber {
        try TestSubscriber(asking: target, on: try RawClient(port: port))
    }

    /// Waits for a line of the terminal's output, starting at a line number.
    func waitForOutput(_ text: String, from start: Int = 0) throws {
        guard program.output.wait(.seconds(60), from: start, until: { $0.contains(text) }) != nil else {
            throw TestFailure("not said: \(text); but: \(program.output.lines) \(program.errors.lines)")
        }
    }

    func waitForLog(_ message: String, _ members: [String: String]) throws {
        guard program.errors.wait(.seconds(60), until: { $0.matches(message, members) }) != nil else {
            throw TestFailure("not logged: \(message) \(members); but: \(program.errors.lines)")
        }
    }

    func waitForError(_ text: String) throws {
        guard program.errors.wait(.seconds(60), until: { $0.description.contains(text) }) != nil else {
            throw TestFailure("not said: \(text); but: \(program.errors.lines)")
        }
    }

    /// Ends it, and checks what it leaves behind.
    func interrupt() throws -> RunningProgram.Exit? {
        program.signal(SIGINT)
        let exit = program.waitForExit(.seconds(20))
        let left = try workshop.run("ls", "-A", "temporary").output
        guard left.isEmpty else { throw TestFailure("left behind: \(left)") }
        return exit
    }
}

private enum PathName {
    static func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}

extension TestSubscriber {
    /// The next event of a build; skips all others.
    func nextBuild() throws -> DevServer.Build {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            if let build = DevServer.Build(try nextEvent(within: deadline - .now)) { return build }
        }
    }

    /// The next event that is not about a build.
    func nextText() throws -> String? {
        while true {
            let event = try nextEvent()
            if event.type != "sluice-build" { return event.data }
        }
    }
}
