import Glibc
import SystemCalls
import TestSupport
import Testing

/// The default sizes are for CI; the full sizes, and their results, are in Tests/README.md.
@Suite("Reloads under load", .onTestThreads, .serialized)
struct ReloadUnderLoadTests {
    private static func size(_ variable: String, _ otherwise: Int) -> Int {
        getenv(variable).flatMap { Int(String(cString: $0)) } ?? otherwise
    }

    /// The full size: SLUICE_TEST_SUBSCRIBERS=2000 SLUICE_TEST_RELOADS=50 SLUICE_TEST_EVERY=200.
    @Test("no subscriber of any kind is disconnected, or misses, repeats or reorders an event, build after build")
    func builds() throws {
        let count = Self.size("SLUICE_TEST_SUBSCRIBERS", 200)
        let reloads = Self.size("SLUICE_TEST_RELOADS", 8)
        let every = Self.size("SLUICE_TEST_EVERY", 50)
        let builds = try (0...reloads).map { try fixturePlugin("MarkedByBuild", defines: ["BUILD=\($0)"]) }
        // A stream that does not move is cut off within the test, but not because the machine stops for a second.
        try withServer([builds[0]], flags: ["--drain-deadline", "3s"]) { server in
            let targets = (0..<count).map { index in
                let name = index % 40 == 0 ? "own-threads" : ["own", "shared", "shared-threads"][index % 3]
                return "/\(name)?every=\(every)"
            }
            let readers = try MarkedReaders(server, targets)
            let start = monotonicNanoseconds()
            try readers.read(within: .seconds(30)) { monotonicNanoseconds() > start + 1_000_000_000 }
            let quiet = readers.takePauses()
            var pauses: [Int64] = []
            for build in 1...reloads {
                try server.install(builds[build], as: "MarkedByBuild")
                server.signal(SIGHUP)
                try readers.read(within: .seconds(60)) { readers.oldestBuild == build }
                // At the end longer than the drain deadline, so that a stream left behind is noticed.
                let enough = monotonicNanoseconds() + (build == reloads ? 3_300_000_000 : 200_000_000)
                try readers.read(within: .seconds(30)) { monotonicNanoseconds() > enough }
                pauses += readers.takePauses()
                #expect(readers.faults.isEmpty, "\(readers.faults.count): \(readers.faults.prefix(5))")
                if !readers.faults.isEmpty { break }
            }
            func share(_ pauses: [Int64], _ percent: Int) -> Int64 {
                (pauses.sorted()[min(pauses.count - 1, pauses.count * percent / 100)]) / 1_000_000
            }
            print(
                "\(count) subscribers, \(reloads) reloads, \(readers.eventCount) events every \(every) ms: the longest time without an event, "
                    + "of each subscriber and reload, p50 \(share(pauses, 50)) ms, p99 \(share(pauses, 99)) ms, max \(share(pauses, 100)) ms; "
                    + "before the reloads p99 \(share(quiet, 99)) ms")
            readers.close()
        }
    }

    /// The full size: SLUICE_TEST_SWIFT_SUBSCRIBERS=1000 SLUICE_TEST_SWIFT_RELOADS=10; compiling each build takes some
    /// seconds.
    @Test("Swift producers continue, too, asynchronous and polling ones, build after build of one module")
    func swift() throws {
        let count = Self.size("SLUICE_TEST_SWIFT_SUBSCRIBERS", 100)
        let reloads = Self.size("SLUICE_TEST_SWIFT_RELOADS", 2)
        let builds = try (0...reloads).map(SwiftNumbers.build)
        try withServer([builds[0]], flags: ["--drain-deadline", "3s"]) { server in
            // Four in five are asynchronous.
            let readers = try MarkedReaders(server, (0..<count).map { $0 % 5 == 0 ? "/polled" : "/going" })
            for build in 1...reloads {
                try server.install(builds[build], as: "numbers-0")
                server.signal(SIGHUP)
                try readers.read(within: .seconds(60)) { readers.oldestBuild == build }
                // As above.
                let enough = monotonicNanoseconds() + (build == reloads ? 3_300_000_000 : 1_000_000_000)
                try readers.read(within: .seconds(30)) { monotonicNanoseconds() > enough }
                #expect(readers.faults.isEmpty, "\(readers.faults.count): \(readers.faults.prefix(5))")
            }
            readers.close()
        }
    }

    /// The full size: SLUICE_TEST_MANY_RELOADS=1000.
    @Test("reload after reload in one process: only a few pages are left of each generation")
    func many() throws {
        let reloads = Self.size("SLUICE_TEST_MANY_RELOADS", 25)
        let plugin = try fixturePlugin("MarkedByBuild", defines: ["BUILD=0", "BINDS=1"])
        let copies = TemporaryDirectory()
        try withServer([plugin], flags: ["--drain-deadline", "3s"], environment: ["TMPDIR": copies.path]) { server in
            let names = ["own", "shared", "shared-threads", "own-threads"]
            let readers = try MarkedReaders(server, (0..<20).map { "/\(names[$0 % 4])?every=10" })
            func reload(_ number: Int) throws {
                let content = withUnsafeBytes(of: number.littleEndian) { Array($0) } + [1]
                try server.install(plugin, as: "MarkedByBuild", appending: content)
                let start = server.logLines.count
                server.signal(SIGHUP)
                let end = Gate()
                try readers.read(within: .seconds(60)) {
                    end.isPassed(server, from: start)
                }
            }
            func settle() throws -> ProcessFigures {
                let until = monotonicNanoseconds() + 400_000_000
                try readers.read(within: .seconds(30)) { monotonicNanoseconds() > until }
                return try ProcessFigures(of: server.program.pid)
            }
            // The first ones fill pools and caches.
            for number in 0..<5 { try reload(number) }
            let before = try settle()
            for number in 5..<(5 + reloads) { try reload(number) }
            let after = try ProcessFigures.wait(for: server.program.pid) {
                $0.descriptors <= before.descriptors && $0.threads <= before.threads
            }
            // One for each open stream: five each of two kinds, and two shared ones. The last earlier ones may still be
            // closing.
            var totals = try server.totals()
            for _ in 0..<20 where totals["functions"] != "12" {
                _ = try settle()
                totals = try server.totals()
            }
            #expect(totals["functions"] == "12", "\(totals)")
            let growth = (try settle().residentBytes - before.residentBytes) / reloads
            print(
                "\(reloads) reloads: \(growth / 1024) KiB of memory for each generation, \(after.descriptors) descriptors, \(after.threads) threads, "
                    + "\(totals["tombstones"] ?? "?") functions of closed streams, \(totals["function_bytes"] ?? "?") bytes"
            )
            #expect(growth < 192 << 10)
            #expect(readers.faults.isEmpty, "\(readers.faults.count): \(readers.faults.prefix(5))")
            #expect(
                try ChildProgram.run(["ls", "-A", copies.path]).output == "",
                "private copies are deleted once they are mapped")
            readers.close()
        }
    }

    /// The log line at the end of a reload.
    private final class Gate {
        private var seen = 0

        func isPassed(_ server: SluiceServer, from start: Int) -> Bool {
            let lines = server.logLines
            defer { seen = lines.count }
            return lines[max(start, seen)...].contains { $0.message == "reloaded" }
        }
    }
}

extension SluiceServer {
    /// The server's current totals.
    fileprivate func totals() throws -> LogLine {
        let start = logLines.count
        signal(SIGUSR1)
        return try waitForLog("totals", from: start)
    }
}
