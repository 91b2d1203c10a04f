import Glibc
import TestSupport
import Testing

@Suite("A new generation that fails is taken back", .onTestThreads)
struct RollbackTests {
    private static func build(_ number: Int, fails: Bool = false) throws -> String {
        try fixturePlugin("MarkedByBuild", defines: ["BUILD=\(number)"] + (fails ? ["FAILS=1"] : []))
    }

    private static let producers = ["own", "shared", "own-threads", "shared-threads"]

    @Test("no subscriber notices; newcomers get the old code, and the same content is not tried again")
    func rolledBack() throws {
        try withServer([try Self.build(1)]) { server in
            let readers = try MarkedReaders(server, (0..<24).map { "/\(Self.producers[$0 % 4])?every=20" })
            try readers.read(within: .seconds(20)) { readers.oldestBuild == 1 }
            func readOn() throws {
                let enough = readers.eventCount + 500
                try readers.read(within: .seconds(30)) { readers.eventCount > enough }
                #expect(readers.faults.isEmpty, "\(readers.faults)")
            }
            var start = server.logLines.count
            func lines(_ message: String) -> [LogLine] { server.logLines[start...].filter { $0.message == message } }

            try server.install(try Self.build(2, fails: true), as: "MarkedByBuild")
            server.signal(SIGHUP)
            try readers.read(within: .seconds(30)) { !lines("plugin rolled back").isEmpty }
            try readOn()
            #expect(readers.oldestBuild == 1)
            let back = lines("plugin rolled back")
            #expect(back.count == 1 && back[0].level == "error")
            #expect(back[0]["from_generation"] == "2" && back[0]["to_generation"] == "1")
            #expect(back[0]["error"]?.contains("of its streams failed immediately, and none succeeded") == true)
            let failures = lines("stream failed")
            #expect(!failures.isEmpty)
            #expect(
                failures.allSatisfy {
                    $0["generation"] == "2" && $0["error"]?.contains("out of order") == true
                })
            for producer in Self.producers {
                #expect(try server.subscribe("/\(producer)").nextEvent().data?.hasSuffix(" 1") == true)
            }

            start = server.logLines.count
            server.signal(SIGHUP)
            try server.waitForReload(from: start)
            #expect(lines("plugin loaded").isEmpty)
            #expect(
                lines("plugin refused; its old generation keeps serving").first?["error"]?
                    .hasSuffix("(not retried until the file changes)") == true)
            try readOn()

            try server.install(try Self.build(3), as: "MarkedByBuild")
            server.signal(SIGHUP)
            try readers.read(within: .seconds(30)) { readers.oldestBuild == 3 }
            try readOn()
            // The first one, which has served twice, is over at last.
            #expect(lines("plugin retired").map { $0["generation"] } == ["1"])
            readers.close()
        }
    }

    @Test("how many failures, and within what time, are settings; sluice status shows how it stands")
    func settings() throws {
        let flags = ["--trial-failures", "2", "--trial-period", "1h"]
        try withServer([try Self.build(1)], flags: flags) { server in
            let readers = try MarkedReaders(server, ["/own?every=20"])
            try readers.read(within: .seconds(20)) { readers.oldestBuild == 1 }
            try server.install(try Self.build(2, fails: true), as: "MarkedByBuild")
            let start = server.logLines.count
            server.signal(SIGHUP)
            try readers.read(within: .seconds(30)) {
                server.logLines[start...].contains { $0.message.hasPrefix("stream returns to the previous generation") }
            }
            try server.waitForReload(from: start)
            func json() throws -> String { try server.run("status", "--json").output }
            let during = try json()
            #expect(during.contains(#""trial":{"failures":1,"failures_max":2,"seconds_left":35"#), "\(during)")
            #expect(during.contains(#""held_for_generation":2"#) && during.contains(#""trial":null"#), "\(during)")
            let table = try server.run("status").output
            #expect(table.contains("marked-by-build 2  1 of 2 failures  59m"), "\(table)")
            #expect(table.contains("marked-by-build 1  the trial of generation 2"), "\(table)")
            #expect(!server.logLines[start...].contains { $0.message == "plugin rolled back" })
            #expect(try server.subscribe("/own").nextEvent().data == "1 1")
            try server.waitForLog("plugin rolled back", from: start)
            #expect(try !json().contains(#""trial":{"#))
            let enough = readers.eventCount + 20
            try readers.read(within: .seconds(20)) { readers.eventCount > enough }
            #expect(readers.faults.isEmpty, "\(readers.faults)")
            readers.close()
        }
    }
}
