import Glibc
import TestSupport
import Testing

@Suite("Reloading plugins in Swift", .onTestThreads)
struct SwiftReloadTests {
    private let workshop = Workshop()

    /// Asynchronous and polled; two that go on in another build, and one that does not.
    private static func source(build: Int) -> String {
        """
        import Sluice

        func numbers(behind id: String?) -> some AsyncSequence<MessageEvent, any Error> {
            unfold(Int(id ?? "") ?? 0) { number in
                try await StreamClock().sleep(for: .milliseconds(20))
                number += 1
                return MessageEvent("\\(number) \(build)", id: "\\(number)")
            }
        }

        struct Going: Producer {
            static let options: ProducerOptions = [.resumable]
            func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
                numbers(behind: request.lastEventID)
            }
        }

        struct Staying: Producer {
            func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
                numbers(behind: request.lastEventID)
            }
        }

        struct Polled: PollingProducer {
            static let options: ProducerOptions = [.resumable]
            var number = 0

            mutating func open(_ request: Request) { number = Int(request.lastEventID ?? "") ?? 0 }

            mutating func next() -> Step {
                number += 1
                return .event(MessageEvent("\\(number) \(build)", id: "\\(number)"), then: .milliseconds(20))
            }
        }

        @c(sluice_plugin_entry)
        public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
            export(Going.self, Staying.self, Polled.self, plugin: "swift-numbers", to: host)
        }
        """
    }

    private func build(_ number: Int) throws -> String {
        // The same name each time: the module's own is made unique by the build.
        workshop.write(Self.source(build: number), to: "Numbers.swift")
        let built = try workshop.sluice("build", "Numbers.swift", "-o", "numbers-\(number).so")
        guard built.status == 0 else { throw TestFailure(built.output) }
        return workshop.path("numbers-\(number).so")
    }

    @Test("two builds of one module run side by side, and streams go on from one to the other, asynchronous ones too")
    func handOver() throws {
        let builds = try (0...1).map(build)
        try withServer([builds[0]]) { server in
            let readers = try MarkedReaders(server, (0..<6).map { $0 % 2 == 0 ? "/going" : "/polled" })
            let staying = try server.subscribe("/staying")
            #expect(try staying.nextEvent().data == "1 0")
            try readers.read(within: .seconds(20)) { readers.eventCount > 30 }
            try server.install(builds[1], as: "numbers-0")
            server.signal(SIGHUP)
            try readers.read(within: .seconds(30)) { readers.oldestBuild == 1 }
            // Old and new at the same time, in the same process.
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
