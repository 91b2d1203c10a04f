import Logging
import PluginHost
import Synchronization
import TestSupport
import Testing

@testable import PluginDirectory

@Suite("Loading candidates concurrently", .onTestThreads)
struct CandidateLoadsTests {
    @Test("a probe that only waits does not keep others from beginning, long before it counts as hanging")
    func besideWaiting() throws {
        let isOver = Flag()
        var settings = Prober.Settings()
        settings.executable = BuiltProducts.sluice
        settings.deadlineNanoseconds = 60_000_000_000
        let prober = Prober(settings) { isOver.isSet }
        let lines = Lines()
        let loader = PluginLoader(settings: .init(prober: prober), logger: Logger(label: "test") { _ in lines })
        let paths = [String](repeating: try fixturePlugin("SleepsInEntry"), count: 4) + [try fixturePlugin("Plain")]
        let patience = LoadSchedule.Patience(working: 1, hanging: .max)
        let loads = CandidateLoads(loader: loader, patience: patience) { isOver.isSet }
        let rest = loads.run(
            try paths.map(loader.read), meanwhile: { if lines.contains("plugin probed") { isOver.set() } },
            ready: { _ in })
        #expect(isOver.isSet && rest.allSatisfy { $0.path == paths[4] })
    }
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}

/// A loader's log lines.
private final class Lines: LogHandler {
    private let messages = Mutex<[String]>([])
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { messages.withLock { $0.append("\(event.message)") } }

    func contains(_ message: String) -> Bool { messages.withLock { $0.contains(message) } }
}
