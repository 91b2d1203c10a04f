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
    private let directory = TemporaryDirectory()
    private static let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    /// The processes below `unshare`, by their numbers outside: state and name.
    private func descendants(of process: pid_t) -> [(number: pid_t, state: String, name: String)] {
        let text = (try? ChildProgram.run(["ps", "-e", "-o", "pid=,ppid=,stat=,comm="]).output) ?? ""
        let rows = text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 3).map(String.init) }
        var found: [(pid_t, String, String)] = []
        var parents: Set<String> = [String(process)]
        // Children have higher numbers than their parents here, but an orphan may not.
        for _ in 0..<4 {
            for row in rows where row.count == 4 && parents.contains(row[1]) && !parents.contains(row[0]) {
                parents.insert(row[0])
                found.append((pid_t(row[0]) ?? 0, row[2], row[3]))
            }
        }
        return found
    }

    @Test("it reaps orphans, passes signals on, and ends with the server's status")
    func orphans() throws {
        try withServer(["WaitsForEver"], prefix: Self.namespace) { server in
            let subscriber = try server.subscribe("/waits-for-ever")
            #expect(try subscriber.nextEvent().data == "the only one")
            let processes = descendants(of: server.program.pid)
            #expect(processes.map(\.name).contains("sluice-server"), "\(processes)")
            let first = try #require(processes.first { $0.name == "sluice" })
            // An orphan that has ended: its parent is gone, and nobody but process 1 can reap it.
            let orphan = try ChildProgram.run([
                "nsenter", "-t", String(first.number), "-p", "sh", "-c", "(sh -c 'exit 3' &) ; :",
            ])
            #expect(orphan.status == 0)
            #expect(
                blockingEventually { !descendants(of: server.program.pid).contains { $0.state.hasPrefix("Z") } })
            kill(first.number, SIGHUP)
            try server.waitForReload(from: 0)
            kill(first.number, SIGTERM)
            #expect(try server.waitForExit() == .status(0))
        }
    }
}
