import ArgumentParser
import CommandOutput
import Foundation
import Logging
import PluginHost
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("sluice inspect")
struct InspectTests {
    private func declaration(of plugin: String) throws -> PluginDeclaration {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return PluginDeclaration(of: try PluginLoader(logger: quiet).load(BuiltProducts.plugin(plugin)))
    }

    @Test("shows what a plugin declares")
    func text() throws {
        #expect(
            try declaration(of: "counter").text == """
                counter 1.0.0 (sluice.h 1.1): Counts, ends, and resumes

                  counter  GET /counter
                    Counts from one number to another, then ends; a subscriber that reconnects resumes where it was
                    parameter  from: i64 = 1
                    parameter  to: i64 = 10
                    parameter  step: i64 = 1
                    parameter  interval: f64 in 0...86400 = 0.1
                    parameter  name: str?
                    flags      nonblocking, resumable

                """)
    }

    @Test("writes the same as JSON")
    func json() throws {
        let json = try declaration(of: "counter").json
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
        #expect(object["name"] as? String == "counter")
        #expect(object["version"] as? String == "1.0.0")
        #expect(object["interface"] as? String == "1.1")
        #expect(object["file"] as? String == BuiltProducts.plugin("counter"))
        let producer = try #require((object["producers"] as? [[String: Any]])?.first)
        #expect(producer["route"] as? String == "/counter")
        #expect(producer["flags"] as? [String] == ["nonblocking", "resumable"])
        let parameters = try #require(producer["parameters"] as? [[String: Any]])
        #expect(parameters.map { $0["name"] as? String } == ["from", "to", "step", "interval", "name"])
        #expect(parameters.map { $0["type"] as? String } == ["i64", "i64", "i64", "f64", "str"])
        #expect(parameters.map { $0["optional"] as? Bool } == [false, false, false, false, true])
        #expect(parameters.map { $0["default"] as? String } == ["1", "10", "1", "0.1", nil])
        #expect(parameters.map { $0["min"] as? String } == [nil, nil, nil, "0", nil])
        #expect(parameters.map { $0["max"] as? String } == [nil, nil, nil, "86400", nil])
    }

    @Test("reports why a server would refuse a file, with status 1")
    func refused() throws {
        let folder = TemporaryDirectory()
        let path = "\(folder.path)/text.so"
        try "not a shared object".write(toFile: path, atomically: false, encoding: .utf8)
        let command = try #require(try Sluice.parseAsRoot(["inspect", path]) as? InspectCommand)
        let error = try #require(throws: CommandFailure.self) { try command.run() }
        #expect(error.description.hasPrefix("\(path): "))
        #expect(CommandEnd(error).status == 1)
        #expect(CommandEnd(error).text.filter(\.isNewline).count == 1)
    }
}
