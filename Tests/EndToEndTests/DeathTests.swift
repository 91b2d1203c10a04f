import Glibc
import TestSupport
import Testing

/// If a plugin ends the server, the last line of the log names it.
@Suite("A plugin that crashes the server", .onTestThreads)
struct DeathTests {
    struct Death: Sendable, CustomTestStringConvertible {
        let producer: String
        let way: String
        let signal: Int32
        /// Members of the line; an empty text: there is no such member.
        let members: [String: String]
        var testDescription: String { "\(way), \(producer)" }
    }

    private static let crashed = "the server crashed in a call of a plugin"
    private static let elsewhere = "the server crashed in code of a plugin, on a thread that is in no call"

    static let calls: [Death] = [
        Death(
            producer: "dies-on-loop", way: "next-segv", signal: SIGSEGV,
            members: ["call": "next", "cause": "segmentation fault", "signal": "SIGSEGV", "address": "0x0"]),
        Death(
            producer: "dies-on-thread", way: "next-segv", signal: SIGSEGV,
            members: ["call": "next", "cause": "segmentation fault", "signal": "SIGSEGV", "address": "0x0"]),
        // In the C library, or in the host: the plugin's call that led there is named.
        Death(
            producer: "dies-on-loop", way: "next-strlen", signal: SIGSEGV,
            members: ["call": "next", "cause": "segmentation fault", "address": "0x0"]),
        Death(
            producer: "dies-on-loop", way: "next-lends-nothing", signal: SIGSEGV,
            members: ["call": "next", "cause": "segmentation fault", "address": "0x8"]),
        Death(
            producer: "dies-on-thread", way: "open-abort", signal: SIGABRT,
            members: ["call": "open", "cause": "abort", "signal": "SIGABRT", "address": ""]),
        Death(
            producer: "dies-on-loop", way: "schedule-fpe", signal: SIGFPE,
            members: ["call": "a scheduled function", "cause": "arithmetic error", "signal": "SIGFPE"]),
        Death(
            producer: "dies-on-thread", way: "schedule-fpe", signal: SIGFPE,
            members: ["call": "a scheduled function", "cause": "arithmetic error", "signal": "SIGFPE"]),
        Death(
            producer: "dies-on-loop", way: "next-recurses", signal: SIGSEGV,
            members: ["call": "next", "cause": "stack overflow", "signal": "SIGSEGV"]),
        Death(
            producer: "dies-on-thread", way: "next-recurses", signal: SIGSEGV,
            members: ["call": "next", "cause": "stack overflow", "signal": "SIGSEGV"]),
        Death(
            producer: "dies-on-thread", way: "next-strides", signal: SIGSEGV,
            members: ["call": "next", "cause": "stack overflow", "signal": "SIGSEGV"]),
    ]

    @Test("in a call: the line names the call, and the signal has its usual effect", arguments: calls)
    func inCall(_ death: Death) throws {
        try dying(death.producer, death.way) { server, line in
            #expect(line.message == Self.crashed && line.level == "critical")
            for (name, value) in death.members { #expect(line[name] ?? "" == value, "\(name)") }
            #expect(line["plugin"] == "dies" && line["producer"] == death.producer && line["generation"] == "1")
            #expect(line["stream"]?.isEmpty == false)
            if death.way != "next-lends-nothing" {
                #expect(line["file"]?.hasSuffix("/Dies.so") == true && line["offset"]?.hasPrefix("0x") == true)
            }
            let exit = try server.waitForExit(.seconds(60))
            #expect(exit == .signal(death.signal))
        }
    }

    @Test(
        "on the plugin's own thread: its code is identified",
        arguments: [("thread-segv", SIGSEGV), ("thread-abort", SIGABRT), ("thread-emit", SIGSEGV)])
    func onOwnThread(_ way: String, _ signal: Int32) throws {
        try dying("dies-on-loop", way) { server, line in
            #expect(line.message == Self.elsewhere)
            #expect(line["plugin"] == "dies" && line["generation"] == "1" && line["call"] == nil)
            #expect(line["file"]?.hasSuffix("/Dies.so") == true)
            let exit = try server.waitForExit(.seconds(60))
            #expect(exit == .signal(signal))
        }
    }

    @Test("of a newer generation: its number is logged")
    func newerGeneration() throws {
        try withServer(["Dies"], environment: ["SWIFT_BACKTRACE": "enable=no"], leavesStreams: true) { server in
            try server.install("Dies", appending: [0])
            try server.reload()
            let client = try server.ask("dies-on-loop", "thread-abort")
            defer { client.close() }
            #expect(try server.waitForLog(Self.elsewhere)["generation"] == "2")
            #expect(try server.waitForExit(.seconds(60)) == .signal(SIGABRT))
        }
    }

    @Test("together with Swift's own crash report, which is still printed")
    func withBackTrace() throws {
        let environment = ["SWIFT_BACKTRACE": "enable=yes,interactive=no,color=no,sanitize=no"]
        try withServer(["Dies"], environment: environment, leavesStreams: true) { server in
            let client = try server.ask("dies-on-thread", "next-recurses")
            defer { client.close() }
            try server.waitForLog(Self.crashed, ["cause": "stack overflow"])
            #expect(try server.waitForExit(.seconds(120)) == .signal(SIGSEGV))
            #expect(
                server.logLines.contains { $0.description.contains("Backtrace") || $0.description.contains("Crash") })
        }
    }

    @Test("with a log in text format, the line is text")
    func asText() throws {
        let environment = ["SWIFT_BACKTRACE": "enable=no"]
        try withServer(["Dies"], flags: ["--log-format", "text"], environment: environment, leavesStreams: true) {
            server in
            let client = try server.ask("dies-on-loop", "next-segv")
            defer { client.close() }
            let line = try server.waitForLog("line") { $0.description.contains(" critical ") }.description
            let form =
                /20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z critical the server crashed in a call of a plugin plugin=dies generation=1 producer=dies-on-loop stream=[0-9a-f]+ address=0x0 call=next cause="segmentation fault" file=\S+\/Dies\.so offset=0x[0-9a-f]+ signal=SIGSEGV/
            #expect(line.wholeMatch(of: form) != nil, "\(line)")
            #expect(try server.waitForExit(.seconds(60)) == .signal(SIGSEGV))
        }
    }

    @Test("a signal from another process is not blamed on a plugin")
    func sent() throws {
        try withServer(["Dies"], environment: ["SWIFT_BACKTRACE": "enable=no"], leavesStreams: true) { server in
            server.signal(SIGSEGV)
            let line = try server.waitForLog("the server was killed by a signal")
            #expect(line["plugin"] == nil && line["sender"] == "\(getpid())" && line["signal"] == "SIGSEGV")
            #expect(try server.waitForExit(.seconds(60)) == .signal(SIGSEGV))
        }
    }

    @Test(
        "a signal without a handler is reported, too",
        arguments: [("next-sigusr2", "SIGUSR2", SIGUSR2), ("next-realtime", "35", 35)])
    func unhandled(_ way: String, _ name: String, _ signal: Int32) throws {
        try dying("dies-on-loop", way) { server, line in
            #expect(line.message == "the server was killed by a signal" && line["signal"] == name)
            #expect(line["cause"] == "signal without a handler")
            let exit = try server.waitForExit(.seconds(60))
            #expect(exit == .signal(signal))
        }
    }

    @Test("the crash of a process that a plugin has forked is not the server's")
    func child() throws {
        try withServer(["Dies"]) { server in
            let stream = try server.subscribe("/dies-on-thread?way=next-fork")
            #expect(try stream.nextEvent().data == "its child has died")
            stream.client.close()
            try server.waitForLog("stream closed")
            #expect(!server.logLines.contains { $0.level == "critical" })
        }
    }

    @Test(
        "by exit(3): that is a failure, and the log names the caller",
        arguments: [
            ("dies-on-loop", "next-exit"), ("dies-on-thread", "next-exit"), ("dies-on-loop", "next-quick-exit"),
        ])
    func exits(_ producer: String, _ way: String) throws {
        try withServer(["Dies"], leavesStreams: true) { server in
            let client = try server.ask(producer, way)
            defer { client.close() }
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog(Self.exited)
            #expect(line["plugin"] == "dies" && line["producer"] == producer && line["generation"] == "1")
            #expect(line["call"] == "next" && line["stream"]?.isEmpty == false)
            #expect(line["file"]?.hasSuffix("/Dies.so") == true)
        }
    }

    @Test("by exit(3) on the plugin's own thread")
    func exitsOnOwnThread() throws {
        try withServer(["Dies"], leavesStreams: true) { server in
            let client = try server.ask("dies-on-loop", "thread-exit")
            defer { client.close() }
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog(Self.exited)
            #expect(line["plugin"] == "dies" && line["generation"] == "1" && line["call"] == nil)
        }
    }

    private static let exited =
        "a plugin, or a library of one, has called exit(3): the process ends, and all streams with it"

    @Test(
        "functions that plugins register for the end of the process do not run",
        arguments: ["DestructorNeverReturns", "AtexitCrashes"])
    func trapsAtTheEnd(_ fixture: String) throws {
        try withServer([fixture]) { server in
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(10)) == .status(0))
            try server.waitForLog("stopped")
        }
    }

    /// Lets the plugin end a server without other reports, and checks the line.
    private func dying(_ producer: String, _ way: String, _ body: (SluiceServer, LogLine) throws -> Void) throws {
        try withServer(["Dies"], environment: ["SWIFT_BACKTRACE": "enable=no"], leavesStreams: true) { server in
            let client = try server.ask(producer, way)
            defer { client.close() }
            let line = try server.waitForLog("last line") { $0.level == "critical" }
            try body(server, line)
            #expect(server.logLines.filter { $0.level == "critical" }.count == 1)
        }
    }
}

extension SluiceServer {
    /// Sends a request for a stream without waiting for an answer, because there may be none.
    fileprivate func ask(_ producer: String, _ way: String) throws -> RawClient {
        let client = try connect()
        try client.send("GET /\(producer)?way=\(way) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client
    }
}
