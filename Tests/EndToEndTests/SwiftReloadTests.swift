import Glibc
import TestSupport
import Testing

@Suite("Reloading plugins in Swift", .onTestThreads)
struct SwiftReloadTests {
    @Test("two builds of one module run side by side, and streams move from one to the other, even asynchronous ones")
    func handOver() throws {
        let builds = try (0...1).map(SwiftNumbers.build)
        try withServer([builds[0]]) { server in
            let readers = try MarkedReaders(server, (0..<6).map { $0 % 2 == 0 ? "/going" : "/polled" })
            let staying = try server.subscribe("/staying")
            #expect(try staying.nextEvent().data == "1 0")
            try readers.read(within: .seconds(20)) { readers.eventCount > 30 }
            try server.install(builds[1], as: "numbers-0")
            server.signal(SIGHUP)
            try readers.read(within: .seconds(30)) { readers.oldestBuild == 1 }
            // Old and new code at the same time, in the same process.
            let newcomer = try server.subscribe("/staying")
            #expect(try newcomer.nextEvent().data == "1 1")
            let old = try (0..<3).map { _ in try staying.nextEvent().data ?? "" }
            #expect(old.allSatisfy { $0.hasSuffix(" 0") }, "\(old)")
            #expect(try newcomer.nextEvent().data == "2 1")
            let enough = readers.eventCount + 60
            try readers.read(within: .seconds(20)) { readers.eventCount > enough }
            #expect(readers.faults.isEmpty, "\(readers.faults)")
            readers.close()
        }
    }
}
