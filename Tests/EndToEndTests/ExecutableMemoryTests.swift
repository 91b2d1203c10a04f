import ProducerInterface
import TestSupport
import Testing

/// Runs a program under the restrictions of `Tests/Fixtures/restrict.c`.
private struct Restriction {
    let directory = TemporaryDirectory()
    let program: String

    init() throws {
        program = "\(directory.path)/restrict"
        let source = "\(repositoryRoot)/Tests/Fixtures/restrict.c"
        let compiler = try ChildProgram.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, source])
        try #require(compiler.status == 0, "\(compiler.output)")
    }

    /// The kernel can do it.
    static let isPossible: Bool = {
        guard let restriction = try? Restriction() else { return false }
        return ["mdwe", "nothing"].allSatisfy {
            (try? ChildProgram.run([restriction.program, $0, "true"]).status) == 0
        }
    }()
}

@Suite(
    "Executable memory that is refused", .onTestThreads,
    .enabled(if: Restriction.isPossible, "needs PR_SET_MDWE (Linux 6.3) and seccomp"))
struct ExecutableMemoryTests {
    private func plugin() throws -> String {
        try fixturePlugin(
            "CallsBackEverywhere", defines: ["FIXTURE_NAME=\"calls-back\"", "FIXTURE_FLAGS=SLUICE_NONBLOCKING"])
    }

    @Test("under PR_SET_MDWE functions are made all the same, by libffi's own means")
    func refusedOnce() throws {
        let restriction = try Restriction()
        try withServer([plugin()], prefix: [restriction.program, "mdwe"]) { server in
            let subscriber = try server.subscribe("/calls-back?tag=a")
            #expect(try subscriber.nextEvent().data == #"{"place":"handler","depth":2}"#)
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("where nothing at all may be executed, bind says so, the plugin refuses, and the server goes on")
    func refusedAlways() throws {
        let restriction = try Restriction()
        try withServer([plugin()], prefix: [restriction.program, "nothing"]) { server in
            for _ in 0..<3 {
                let client = try server.connect()
                try client.send("GET /calls-back?tag=a HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try client.readResponse().status == 500)
            }
            let line = try server.waitForLog("host->bind") { $0.message.hasPrefix("host->bind created no function") }
            #expect(line.message.contains("the system refuses executable memory"))
            #expect(line["producer"] == "calls-back")
            try server.expectNotFound()
        }
    }
}
