import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("The tail producer's root", .onTestThreads)
struct TailConfinementTests {
    /// A log, with many files beside it that must not be readable.
    private static func trap() throws -> FollowedLog {
        let log = try FollowedLog("allowed\n")
        let secret = open("\(log.outside)/secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        _ = write(secret, "secret\n", 7)
        close(secret)
        for (target, link) in [
            (log.outside, "out"), ("\(log.outside)/secret", "file"), ("../../secret", "relative"), ("a.log", "inside"),
            (".", "here"), ("/proc/self/root", "magic"),
        ] {
            try #require(symlink(target, "\(log.folder)/\(link)") == 0)
        }
        try #require(mkfifo("\(log.folder)/fifo", 0o644) == 0)
        return log
    }

    @Test("confines every path")
    func confined() throws {
        let log = try Self.trap()
        try withTail(of: log) { server in
            let attacks: [(String, Set<Int>)] = [
                ("../secret", [400]), ("..%2fsecret", [400]), ("%2e%2e/secret", [400]), ("app/../../secret", [400]),
                ("app/../app/a.log", [400]), ("/etc/passwd", [400]), ("//etc/passwd", [400]), ("", [400]), (".", [400]),
                ("..", [400]), ("app/./a.log", [400]), ("app//a.log", [400]), ("app/.", [400]), ("app/..", [400]),
                ("\(log.outside)/secret", [400]), ("app/out/secret", [404]), ("app/magic/etc/passwd", [404]),
                ("app/here/a.log", [404]), ("app/file", [403]), ("app/relative", [403]), ("app/inside", [403]),
                ("app/fifo", [403]), ("app", [403]), ("app/a.log/", [404, 400]), ("app/a.log/x", [404]),
                ("app/nothing", [404]), ("nothing/a.log", [404]), ("app/a.log%00", [400]), ("...", [404]),
                (String(repeating: "a", count: 300), [400]), (String(repeating: "a/", count: 3000) + "a", [404]),
            ]
            for (path, statuses) in attacks {
                let response = try server.refusal(of: "/tail?from=start&path=\(path)")
                #expect(statuses.contains(response.status), "\(path.prefix(60)): \(response.status) \(response.body)")
                #expect(!response.body.contains(log.outside))
            }
            #expect(try server.follow(log, "&from=start").nextEvent().data == "allowed")
        }
    }

    @Test("is not escaped through a name that becomes a link while it is opened")
    func race() throws {
        let log = try Self.trap()
        try withTail(of: log) { server in
            let turning = Turning(in: log.folder, secrets: log.outside)
            defer { turning.stop() }
            var opened = 0
            for attempt in 0..<400 {
                let path = attempt % 2 == 0 ? "app/turn" : "app/step/secret"
                // With the history, because the previous stream may not be closed yet.
                let subscriber = try server.subscribe("/tail?from=start&history=all&path=\(path)")
                if try subscriber.head().status == 200 {
                    #expect(try subscriber.nextEvent().data == "allowed")
                    opened += 1
                }
                subscriber.client.reset()
            }
            let turns = turning.stop()
            print("tail and links: \(turns) turns, \(opened) of 400 opened")
            #expect(turns > 0 && opened > 0)
        }
    }

    @Test("shows nothing before it is configured, and logs it for the operator if it can't be opened")
    func configuration() throws {
        try withShippedPlugin("tail") { server in
            let response = try server.refusal(of: "/tail?path=etc/passwd")
            #expect(response.status == 403)
            #expect(response.body.contains("root"))
        }
        try withShippedPlugin("tail", configuration: ["root": "/no/such/root"]) { server in
            let response = try server.refusal(of: "/tail?path=a.log")
            #expect(response.status == 500)
            #expect(!response.body.contains("/no/such"))
            try server.waitForLog("the operator is told") { $0.message.contains("root") && $0.level == "error" }
        }
    }
}

/// Changes "turn" between a file and a link to the secret, and "step" between a directory and a link, as fast as it
/// can.
private final class Turning: Sendable {
    private let isOver = Atomic(false)
    private let turns = Watched<(count: Int, ended: Bool)>((0, false))

    init(in folder: String, secrets: String) {
        mkdir("\(folder)/directory", 0o755)
        link("\(folder)/a.log", "\(folder)/directory/secret")
        startThread { [self] in
            var count = 0
            while !isOver.load(ordering: .relaxed) {
                link("\(folder)/a.log", "\(folder)/.turn")
                rename("\(folder)/.turn", "\(folder)/turn")
                symlink(secrets, "\(folder)/step")
                symlink("\(secrets)/secret", "\(folder)/.turn")
                rename("\(folder)/.turn", "\(folder)/turn")
                unlink("\(folder)/step")
                rename("\(folder)/directory", "\(folder)/step")
                rename("\(folder)/step", "\(folder)/directory")
                count += 1
            }
            turns.update { $0 = (count, true) }
        }
    }

    /// Waits for the thread's end.
    /// - Returns: the number of changes.
    @discardableResult func stop() -> Int {
        isOver.store(true, ordering: .relaxed)
        return turns.wait(.seconds(30)) { $0.ended ? $0.count : nil } ?? 0
    }
}
