import Glibc
import TestSupport
import Testing

/// The first process of a container has duties, which `unshare` shows without one.
@Suite(
    "As process 1 of a container", .onTestThreads,
    .enabled("a process namespace needs root and unshare") {
        (try? ChildProgram.run(["unshare", "--pid", "--fork", "--mount-proc", "true"]).status) == 0
    })
struct ContainerTests {
    private static let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    /// The children of a process, by their numbers outside of the namespace, and their states.
    private func children(of process: pid_t) -> [(number: pid_t, state: String)] {
        let text = (try? ChildProgram.run(["ps", "--ppid", "\(process)", "-o", "pid=,stat="]).output) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let number = pid_t(words[0]) else { return nil }
            return (number, String(words[1]))
        }
    }

    @Test("it reaps orphans, passes signals on, and ends with the server's status")
    func orphans() throws {
        try withServer(["WaitsForEver"], prefix: Self.namespace) { server in
            let subscriber = try server.subscribe("/waits-for-ever")
            #expect(try subscriber.nextEvent().data == "the only one")
            let first = try #require(children(of: server.program.pid).first).number
            #expect(children(of: first).count == 1, "the server is its child")
            // An orphan that has ended: its parent is gone, and nobody but process 1 can reap it.
            let orphan = try ChildProgram.run([
                "nsenter", "-t", String(first), "-p", "sh", "-c", "(sh -c 'exit 3' &) ; :",
            ])
            #expect(orphan.status == 0)
            #expect(blockingEventually { children(of: first).count == 1 }, "the orphan is gone")
            kill(first, SIGHUP)
            try server.waitForReload(from: 0)
            kill(first, SIGTERM)
            #expect(try server.waitForExit() == .status(0))
        }
    }

    @Test("it ends with the server, even if it was started with SIGCHLD ignored")
    func ignoredSignal() throws {
        let start = "trap '' CHLD; exec \(BuiltProducts.sluice) serve /nonexistent --control none"
        let verb = try Verb(RunningProgram(Self.namespace + ["sh", "-c", start]))
        #expect(verb.status == 1 && verb.error.contains("/nonexistent"), "\(verb)")
    }
}
