import Glibc
import TestSupport
import Testing

/// Files that want to be loaded beside files that hang, and what is remembered of them.
@Suite("Candidates", .onTestThreads)
struct CandidateTests {
    @Test("one that is ready does not wait for those that hang, and SIGUSR1 is answered meanwhile")
    func besideHanging() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "10m"]) { server in
            for number in 0..<5 { try server.install("SleepsInEntry", as: "a\(number)") }
            try server.install("EndsAfterCount")
            server.signal(SIGHUP)
            try server.waitForLog("plugin loaded", ["plugin": "ends-after-count"], within: .seconds(60))
            #expect(try server.subscribe("/ends-after-count?count=1").rest().contains { $0.data == "1" })
            let start = server.logLines.count
            server.signal(SIGUSR1)
            try server.waitForLog("ledger", ["plugin": "ends-after-count"], from: start)
            #expect(!server.logLines.contains { $0.message == "reloaded" })
        }
    }

    @Test("a refusal is remembered, whatever it was for, until the file is written again")
    func remembered() throws {
        let flags = ["--probe-deadline", "2s", "--probe-memory", "64M"]
        let refused = ["SleepsInEntry", "EatsMemory", "EntryReturnsNull", "UndefinedSymbol", "CrashesInConstructor"]
        try withServer(["WaitsForEver"], flags: flags) { server in
            for fixture in refused { try server.install(fixture) }
            try server.reload()
            var start = server.logLines.count
            try server.reload()
            for fixture in refused {
                try server.waitForLog("second refusal of \(fixture)", from: start) {
                    $0["error"]?.contains("/\(fixture).so: ") == true
                        && $0["error"]?.contains("(not retried") == true
                }
            }
            // It may have been mended by something that nobody can see.
            #expect(utimes("\(server.pluginDirectory)/EntryReturnsNull.so", nil) == 0)
            start = server.logLines.count
            try server.reload()
            try server.waitForLog("third refusal", from: start) {
                $0["error"]?.contains("/EntryReturnsNull.so: ") == true
                    && $0["error"]?.contains("(not retried") == false
            }
        }
    }

    @Test("thousands of SIGHUPs do not hide a SIGTERM")
    func manySignals() throws {
        try withServer(["WaitsForEver"]) { server in
            for _ in 0..<5000 { server.signal(SIGHUP) }
            server.signal(SIGTERM)
            let exit = try server.waitForExit(.seconds(20))
            #expect(exit == .status(0))
        }
    }

    /// Puts a copy in the place of a file.
    private static func replace(_ path: String) throws {
        let directory = TemporaryDirectory()
        let copy = directory.write(readFile(path) ?? [], to: "copy")
        guard rename(copy, path) == 0 else { throw TestFailure("\(path) cannot be replaced") }
    }

    @Test("a library that changed on disk is named at the reload, and in the status")
    func changedLibrary() throws {
        let library = try fixturePlugin("NeedsLibrary").dropLast("NeedsLibrary.so".count) + "libdependency.so"
        try withServer(["NeedsLibrary"]) { server in
            try server.install("NeedsLibrary", appending: [0])
            try server.reload()
            let before = server.logLines.filter { $0["library"] != nil }
            #expect(before.isEmpty)
            try Self.replace(String(library))
            try server.install("NeedsLibrary", appending: [0, 0])
            try server.reload()
            let message =
                "a library has changed on disk, but plugins still use the one in memory; restart the server to load it"
            let line = try server.waitForLog(message, ["library": String(library), "plugins": "needs-library"])
            #expect(line.level == "warning")
            let status = try server.run("status", server.pluginDirectory)
            #expect(status.output.contains("\(library)  needs-library"), "\(status.output)")
        }
    }
}
