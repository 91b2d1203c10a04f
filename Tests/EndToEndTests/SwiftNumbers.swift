import Glibc
import Synchronization
import TestSupport

/// A Swift plugin whose events are "number build", like those of the fixture `MarkedByBuild`: one module in any number
/// of builds, each compiled once.
enum SwiftNumbers {
    private static let workshop: Workshop = {
        // Globals are never destroyed, so the directory is removed when the process exits.
        atexit { SwiftNumbers.workshop.directory.remove() }
        return Workshop()
    }()
    private static let builds = Mutex<[Int: String]>([:])

    /// - Returns: the path of the shared object.
    static func build(_ number: Int) throws -> String {
        try builds.withLock { builds in
            if let path = builds[number] { return path }
            // The same file name each time: the build makes the module's name unique.
            workshop.write(source(build: number), to: "Numbers.swift")
            let built = try workshop.sluice("build", "Numbers.swift", "-o", "numbers-\(number).so")
            guard built.status == 0 else { throw TestFailure(built.output) }
            builds[number] = workshop.path("numbers-\(number).so")
            return workshop.path("numbers-\(number).so")
        }
    }

    /// Asynchronous and polling producers; two that continue in another build, and one that does not.
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
}
