import CommandOutput
import EventStream
import ForeignFunction
import PluginHost
import ProducerInterface
import StreamRuntime
import Synchronization
import SystemCalls

/// Scenarios for the input of requests, which is parameters and IDs, and for a reload, which also resumes streams by
/// ID.
struct RequestScenarios {
    let bench: CheckBench

    private var report: ScenarioReport { bench.report }
    /// Values at and beyond the bounds of a parameter. A producer can reject any of them, but none may harm it.
    private static func boundaries(of parameter: Signature.Parameter) -> [String] {
        let bounds = [parameter.range?.least, parameter.range?.greatest].compactMap(\.self)
        let around = bounds.flatMap { [$0.neighbour(above: false), $0, $0.neighbour(above: true)].compactMap(\.self) }
        return around.compactMap(\.text) + boundaries(of: parameter.type)
    }

    private static func boundaries(of type: ValueType) -> [String] {
        switch type {
        case .bool: ["true", "false"]
        // No parameter has one of these types.
        case .i8, .i16, .u8, .u16, .ptr: []
        case .i32: ["\(Int32.min)", "-1", "0", "1", "\(Int32.max)"]
        case .i64: ["\(Int64.min)", "-1", "0", "1", "\(Int64.max)"]
        case .u32: ["0", "1", "\(UInt32.max)"]
        case .u64: ["0", "1", "\(UInt64.max)"]
        case .f32: ["-3.4e38", "-1", "-0.0", "0", "1e-45", "0.5", "3.4e38"]
        case .f64: ["-1.7e308", "-1", "-0.0", "0", "5e-324", "0.5", "1e18", "1.7e308"]
        case .str:
            [
                "", " ", "x", String(repeating: "long ", count: 1600), "../../etc/passwd", "%s%n%d",
                "\"quoted\\\" 'text'",
                "line\r\nbreak", "caf\u{e9} \u{1f600}", "\u{1}\u{7f}",
            ]
        }
    }

    func parameters() {
        let parameters = bench.producer.plugin.signature.parameters
        guard !parameters.isEmpty else { return report.write(.skipped("it has no parameters")) }
        var opensUsually = false
        if let usual = try? bench.request(), case .stream(let visitor) = bench.open(usual) {
            visitor.hangUp()
            opensUsually = true
        }
        var (opened, refused, kept) = (0, 0, 0)
        for parameter in parameters {
            let bounds = [parameter.range?.least, parameter.range?.greatest].compactMap(\.?.text)
            for value in Self.boundaries(of: parameter) {
                guard let request = try? bench.request([parameter.name: value]) else {
                    kept += 1
                    continue
                }
                switch bench.open(request) {
                case .stream(let visitor):
                    opened += 1
                    _ = visitor.events(3, within: 50)
                    visitor.hangUp()
                case .rejected(let why) where opensUsually && why.hasPrefix("400:") && bounds.contains(value):
                    report.found(
                        .contract,
                        "open refuses \(parameter.name)=\(value), a bound that its own signature allows (\(why))")
                case .ended, .rejected: refused += 1
                case .failed: break
                }
            }
        }
        bench.settle()
        report.measured(
            "values at the bounds", "\(opened) accepted, \(refused) rejected by the plugin, \(kept) by the host")
        bench.judgeTimes()
    }

    private static let strangeIDs = [
        "", "0", "-1", "99999999999999999999999", "nan", "\u{fffd}\u{1}", String(repeating: "9", count: 65_536),
        "sluice-endless", "../..", "1e9", " 1", "%00",
    ]

    func resume() {
        guard bench.description.isResumable else {
            return report.write(.skipped("the producer is not SLUICE_RESUMABLE"))
        }
        guard let first = bench.openUsual() else { return }
        let seen = first.events(12, within: 4000).0.compactMap(\.id)
        first.hangUp()
        for (place, id) in seen.enumerated().dropLast() where place % 3 == 0 {
            guard let request = try? bench.request(lastEventID: id), case .stream(let again) = bench.open(request)
            else {
                report.found(.resume, "open refuses the id '\(id)', which the producer gave itself")
                continue
            }
            if let next = again.events(1, within: 4000).0.first?.id, next != seen[place + 1] {
                report.found(.resume, "after the id '\(id)' came '\(next)' instead of '\(seen[place + 1])' as before")
            }
            again.hangUp()
        }
        for id in Self.strangeIDs {
            guard let request = try? bench.request(lastEventID: id) else { continue }
            if case .stream(let visitor) = bench.open(request) {
                _ = visitor.events(1, within: 20)
                visitor.hangUp()
            }
        }
        bench.settle()
        report.measured("ids seen", "\(seen.count)")
        bench.judgeTimes()
    }

    /// Reloads the same file several times while streams are open. Subscribers of a resumable producer must not notice
    /// it.
    func reload() throws(CommandFailure) {
        let source = SameAgain(loader: bench.loader, first: bench.plugin)
        let reloader = Reloader(runtime: bench.runtime, source: source, logger: report.logger)
        do { _ = try reloader.reload() } catch { throw CommandFailure("\(error)") }
        guard let match = reloader.entries.first(where: { $0.description.name == bench.description.name }) else {
            return report.found(.reload, "it is not served after it was loaded a second time")
        }
        guard let request = try? bench.request() else { return _ = bench.openUsual() }
        let visitors = (0..<bench.crowd(8)).compactMap { _ -> CheckVisitor? in
            guard let visitor = try? CheckVisitor(RouteMatch(entry: match, values: []), request, of: bench.runtime)
            else {
                return nil
            }
            guard case .stream? = visitor.answer(within: CheckBench.patienceSeconds), visitor.attach() else {
                return nil
            }
            return visitor
        }
        guard !visitors.isEmpty else {
            return report.found(
                .unopened, "every stream is rejected; give values that open one, as name=value, or --config")
        }
        var ids = [[String]](repeating: [], count: visitors.count)
        var cut = Set<Int>()
        for round in 0..<4 {
            for (index, visitor) in visitors.enumerated() {
                let (events, isOver) = visitor.events(4, within: 300)
                ids[index] += events.compactMap(\.id)
                // A stream that has not sent an ID yet can't be resumed.
                if isOver, !visitor.isComplete, !ids[index].isEmpty { cut.insert(index) }
            }
            if round == 3 { break }
            source.change()
            do { _ = try reloader.reload() } catch { throw CommandFailure("\(error)") }
            _ = reloader.endRetired(after: 0)
        }
        judgeReload(ids, cut: cut.count)
        for visitor in visitors { visitor.hangUp() }
        bench.settle()
        _ = reloader.retireAll(deadline: monotonicNanoseconds() + Int64(CheckBench.patienceSeconds) * 1_000_000_000)
    }

    private func judgeReload(_ ids: [[String]], cut: Int) {
        report.measured("events with IDs, across reloads", "\(ids.reduce(0) { $0 + $1.count })")
        guard bench.description.isResumable else { return }
        // If all IDs are numbers, they must continue in the same steps.
        for line in ids {
            let numbers = line.compactMap(Int.init)
            guard numbers.count == line.count, numbers.count > 1 else { continue }
            let step = numbers[1] - numbers[0]
            for (a, b) in zip(numbers, numbers.dropFirst()) where b - a != step {
                report.found(.reload, "across a reload, the id \(b) followed \(a)")
            }
        }
        for line in ids where Set(line).count != line.count {
            report.found(.reload, "across a reload, an id came a second time")
        }
        if cut > 0 { report.found(.reload, "\(cut) streams ended although they could have been resumed") }
    }
}

/// A directory with one plugin, whose content changes whenever `change` is called.
private final class SameAgain: ImageSource {
    private let loader: PluginLoader
    private let path: String
    private let first: Mutex<LoadedPlugin?>
    private let version = Mutex(1)

    init(loader: PluginLoader, first: LoadedPlugin) {
        self.loader = loader
        path = first.file
        self.first = Mutex(first)
    }

    func change() { version.withLock { $0 += 1 } }

    func scan() throws -> [String] { [path] }
    func content(of path: String) throws -> String { "\(version.withLock(\.self))" }
    func surroundings(of path: String) -> String { "" }
    func cause(of refusal: any Error) -> RefusalCause { .moment }

    func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome] {
        paths.map { path in (path, Result { try load(path) }) }
    }

    private func load(_ path: String) throws -> LoadedImage {
        let plugin =
            try first.withLock { first -> LoadedPlugin? in
                defer { first = nil }
                return first
            } ?? loader.load(path)
        return LoadedImage(
            plugin: plugin.name, path: path, content: try content(of: path), producers: plugin.producers,
            shutdown: plugin.shutdown)
    }

    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? { nil }
}
