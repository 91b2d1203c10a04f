import ArgumentParser
import CommandOutput
import Settings
import Testing

@testable import SluiceCommand

@Suite("How a command ends")
struct CommandEndTests {
    private func end(_ arguments: [String]) throws -> CommandEnd {
        CommandEnd(try #require(throws: (any Error).self) { try Sluice.parseAsRoot(arguments) })
    }

    @Test(
        "help and version are not errors",
        arguments: [["--help"], ["--version"], ["serve", "--help"], ["help", "serve"]])
    func help(arguments: [String]) throws {
        var command: any ParsableCommand = Sluice()
        let error = try #require(throws: (any Error).self) {
            command = try Sluice.parseAsRoot(arguments)
            try command.run()
        }
        #expect(CommandEnd(error).status == 0)
        #expect(CommandEnd(error).text.hasSuffix("\n"))
    }

    @Test(
        "wrong usage is one line, with the help to read, and status 2",
        arguments: [
            (["serve", "--no-such-flag"], "sluice: Unknown option '--no-such-flag' (see sluice serve --help)\n"),
            (["serve", "a", "b"], "sluice: Unexpected argument 'b' (see sluice serve --help)\n"),
            (["serve", "--listen"], "sluice: Missing value for '--listen <address>' (see sluice serve --help)\n"),
            (["no-such-verb"], "sluice: no subcommand 'no-such-verb' (see sluice --help)\n"),
            (["serv"], "sluice: no subcommand 'serv'; did you mean 'serve'?\n"),
        ])
    func usage(arguments: [String], text: String) throws {
        let end = try end(arguments)
        #expect(end.status == 2)
        #expect(end.text == text)
    }

    @Test("an invalid setting is status 2, a failure status 1, and a bare status prints nothing")
    func statuses() {
        #expect(CommandEnd(SettingError("x")).status == 2)
        #expect(CommandEnd(SettingError("x")).text == "sluice: x\n")
        #expect(CommandEnd(UsageError("x")).status == 2)
        #expect(CommandEnd(UsageError("x")).text == "sluice: x\n")
        #expect(CommandEnd(CommandFailure("a\nb")).status == 1)
        #expect(CommandEnd(CommandFailure("a\nb")).text == "sluice: a b\n")
        #expect(CommandEnd(ExitCode(3)).status == 3)
        #expect(CommandEnd(ExitCode(3)).text.isEmpty)
        #expect(CommandEnd(CancellationError()).status == 1)
    }
}
