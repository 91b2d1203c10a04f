import ArgumentParser
import Settings
import StreamRuntime
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The command line of serve")
struct ServeOptionsTests {
    @Test("every setting is an option", arguments: SettingTable.server.names)
    func options(name: String) throws {
        let sample = try #require(settingSamples[name], "a sample for \(name)")
        let isSwitch = try #require(SettingTable.server[name]).isSwitch
        let directory = name == "plugins" ? [:] : ["plugins": "dir"]
        let words = (directory.isEmpty ? [] : ["dir"]) + (isSwitch ? ["--\(name)"] : ["--\(name)", sample])
        #expect(try givenFlags(words) == directory.merging([name: sample]) { $1 })
        let joined = isSwitch ? "--no-\(name)" : "--\(name)=\(sample)"
        #expect(try givenFlags([joined]) == [name: isSwitch ? "false" : sample])
    }

    @Test("the directory can be named twice only if it is the same")
    func twoDirectories() throws {
        #expect(try givenFlags(["a", "--plugins", "a"]) == ["plugins": "a"])
        let error = try #require(throws: (any Error).self) { try ServeOptions.parse(["a", "--plugins", "b"]) }
        #expect(CommandEnd(error).status == 2)
        #expect(ServeOptions.message(for: error) == "two directories of plugins: DIR is 'a', but --plugins is 'b'")
    }

    @Test("a misspelled option is reported with a suggestion")
    func mistyped() throws {
        let error = try #require(throws: (any Error).self) { try ServeOptions.parse(["a", "--max-stream", "1"]) }
        #expect(ServeOptions.message(for: error) == "Unknown option '--max-stream'. Did you mean '--max-streams'?")
    }

    @Test("the help names every setting with its default")
    func help() {
        let help = ServeCommand.helpMessage(columns: 120)
        for row in SettingTable.server.rows {
            #expect(help.contains("--\(row.name)"), "\(row.name)")
            #expect(help.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(row.help), "\(row.name)")
        }
        #expect(help.contains("--keep-alive <time>"))
        #expect(help.contains("(default: 127.0.0.1:8080)"))
        #expect(help.contains("sluice serve ./plugins"))
        let fixed = "plugins, listen, loops, control, admin, health-path, watch, base-path, log-format."
        #expect(help.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(fixed))
    }

    /// The effect of one more row on the command line; `NewRowTests` tests the rest.
    @Test("a row that is added is an option with its help")
    func newRow() throws {
        let options = try SettingOptions<LampSection>.parse(["--lamp-shades", "5", "--no-lamp"])
        #expect(options.given == ["lamp-shades": "5", "lamp": "false"])
        #expect(try SettingOptions<LampSection>.parse([]).given.isEmpty)
        let help = SettingOptions<LampSection>.helpMessage(columns: 120)
        #expect(help.contains("--lamp-shades <count>   Shades of each lamp. (default: 4)"), "\(help)")
        #expect(help.contains("--lamp/--no-lamp        Whether there is a lamp. (default: false)"), "\(help)")
        let error = try #require(throws: (any Error).self) { try SettingOptions<LampSection>.parse(["--lamps"]) }
        #expect(SettingOptions<LampSection>.message(for: error).contains("Did you mean '--lamp'?"))
    }

    private enum LampSection: SettingSection {
        static let rows: [any SettingRow] = [
            Setting("lamp-shades", .count(1...9), initial: "4", in: .limits, "Shades of each lamp."),
            Setting("lamp", .flag, initial: "false", in: .general, "Whether there is a lamp."),
        ]
    }
}
