import Glibc
import TestSupport
import Testing

@Suite("What a killed server left behind", .onTestThreads)
struct LeftBehindTests {
    private let temporary = TemporaryDirectory()

    private var folders: [String] {
        ((try? ChildProgram.run(["ls", temporary.path]).output) ?? "").split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("sluice-") && $0.utf8.count == 13 }
    }

    /// A server that loads without end, and so has a private copy.
    private func withLoadingServer(_ body: (SluiceServer) throws -> Void) throws {
        let flags = ["--probe-deadline", "10m", "--shutdown-deadline", "0"]
        try withServer(["WaitsForEver"], flags: flags, environment: ["TMPDIR": temporary.path]) { server in
            try server.beginLoadingForEver()
            try body(server)
        }
    }

    @Test("is removed by the next server; files that a running one uses are not")
    func copies() throws {
        try withLoadingServer { killed in
            #expect(folders.count == 1)
            killed.signal(SIGKILL)
            _ = try killed.waitForExit()
        }
        #expect(folders.count == 1)
        mkdir("\(temporary.path)/sluice-foreig", 0o700)
        try withLoadingServer { living in
            try living.waitForLog("removed what killed processes had left behind")
            #expect(folders.count == 2, "the foreign one, and its own")
            let own = folders
            try withServer(["WaitsForEver"], environment: ["TMPDIR": temporary.path]) { other in
                #expect(!other.logLines.contains { $0.message.hasPrefix("removed what") })
                #expect(folders == own)
            }
            living.signal(SIGTERM)
            #expect(try living.waitForExit() == .status(1))
        }
    }
}
