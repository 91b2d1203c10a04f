import CommandOutput
import EventStream
import ForeignFunction
import Glibc
import Locks
import Logging
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime
import SystemCalls

/// A runtime with the plugin to check, in the process of one scenario.
final class CheckBench: @unchecked Sendable {
    // Unchecked: only the scenario's own thread uses `random`; any thread can use the rest.
    let report: ScenarioReport
    let runtime: Runtime
    let producer: TimedProducer
    let entry: ProducerEntry
    let generation: Generation
    let plugin: LoadedPlugin
    let loader: PluginLoader
    var random: SeededNumbers
    /// Signalled when the plugin's `shutdown` has returned.
    let hasShutDown = Semaphore()
    private let given: [String: String]

    /// How long a stream may take to open or to end.
    static let patienceSeconds = 5
    /// How long nine of ten calls may take, if the producer promises not to block.
    static let callNanosecondsMax: Int64 = 1_000_000
    static let callsMin = 20

    init(
        plugin: LoadedPlugin, loader: PluginLoader, producer name: String, given: [String: String], seed: UInt64,
        report: ScenarioReport, adjust: (inout Limits) -> Void = { _ in }
    ) throws(CommandFailure) {
        guard let found = plugin.producers.first(where: { $0.description.name == name }) else {
            throw CommandFailure("\(plugin.file) has no producer '\(name)'")
        }
        var limits = Limits()
        limits.hub.linger = 0
        limits.stuckReport = 3_000_000_000
        adjust(&limits)
        runtime = Runtime(systems: [EpollSystem(), EpollSystem()], limits: limits, logger: report.logger)
        ConnectedRuntime.connect(TimedServices(runtime))
        let hasShutDown = hasShutDown
        generation = Generation(plugin: plugin.name, number: 1) {
            plugin.shutdown()
            hasShutDown.post()
        }
        producer = TimedProducer(found)
        entry = ProducerEntry(producer: producer, generation: generation)
        runtime.replaceRoutes(RouteTable([entry]))
        guard runtime.start() else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        self.plugin = plugin
        self.loader = loader
        self.given = given
        self.report = report
        random = SeededNumbers(seed: seed)
    }

    var description: ProducerDescription { producer.description }

    /// The number of concurrent streams; it is smaller for producers whose streams have threads.
    func crowd(_ count: Int) -> Int {
        entry.usesThreads(at: monotonicNanoseconds()) && !description.isShared ? min(count, 64) : count
    }

    // MARK: Requests

    /// The given value of a parameter, or a value for one that has no default.
    private func value(of parameter: Signature.Parameter) -> String? {
        if let given = given[parameter.name] { return given }
        if parameter.isOptional || parameter.defaultValue != nil { return nil }
        return switch parameter.type {
        case .bool: "true"
        case .str: "x"
        default:
            (parameter.parse("1") ?? parameter.range?.least ?? parameter.range?.greatest)?.text
        }
    }

    /// - Parameter changed: values to use instead of the usual ones.
    /// - Throws: if the host itself rejects one of them.
    func request(_ changed: [String: String] = [:], lastEventID: String? = nil) throws(ParameterFault) -> StreamRequest
    {
        let placeholders = Set(
            description.route.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                String($0.dropFirst().dropLast())
            })
        var path: [StreamRequest.Field] = []
        var query: [StreamRequest.Field] = []
        for parameter in producer.plugin.signature.parameters {
            guard let value = changed[parameter.name] ?? value(of: parameter) else { continue }
            if placeholders.contains(parameter.name) {
                path.append(StreamRequest.Field(parameter.name, value))
            } else {
                query.append(StreamRequest.Field(parameter.name, value))
            }
        }
        let isPost = description.acceptsBody
        return StreamRequest(
            method: isPost ? "POST" : "GET", path: description.route, query: query,
            headers: [StreamRequest.Field("accept", "text/event-stream")], remoteAddress: "127.0.0.1",
            lastEventID: lastEventID, body: isPost ? Array(#"{"prompt":"one two three one two four"}"#.utf8) : [],
            parameters: try producer.resolve(path: path, query: query))
    }

    // MARK: Streams

    func visitor(_ request: StreamRequest) throws(Overload) -> CheckVisitor {
        try CheckVisitor(RouteMatch(entry: entry, values: []), request, of: runtime)
    }

    enum Opened {
        case stream(CheckVisitor)
        case ended
        case rejected(String)
        /// A finding has already been reported.
        case failed
    }

    /// Opens a stream as a subscriber does, and connects it.
    func open(_ request: StreamRequest, bufferBytes: Int32? = nil) -> Opened {
        let visitor: CheckVisitor
        do throws(Overload) {
            visitor = try self.visitor(request)
        } catch {
            report.found(.neverEnds, "no more streams can be opened (\(error.limit)): earlier ones were not closed")
            return .failed
        }
        switch visitor.answer(within: Self.patienceSeconds) {
        case .stream?:
            guard visitor.attach(bufferBytes: bufferBytes) else {
                report.found(.leak, "no more descriptors are available")
                return .failed
            }
            return .stream(visitor)
        case .ended?: return .ended
        case .rejected(let status, let message, _)?: return .rejected("\(status): \(message)")
        case .failed?, .unavailable?: return .failed
        case nil:
            visitor.leave()
            report.found(.hang, "open did not answer within \(Self.patienceSeconds) s")
            return .failed
        }
    }

    /// Opens one stream with the usual values, or reports why that is not possible.
    func openUsual(lastEventID: String? = nil) -> CheckVisitor? {
        let request: StreamRequest
        do throws(ParameterFault) {
            request = try self.request(lastEventID: lastEventID)
        } catch {
            report.found(
                .unopened,
                error.value.map { "\(error.parameter): expected \(error.expected), not '\($0)'" }
                    ?? "\(error.parameter) is missing: expected \(error.expected); give a value, as \(error.parameter)=…"
            )
            return nil
        }
        switch open(request) {
        case .stream(let visitor): return visitor
        case .ended:
            report.found(.unopened, "it has nothing to send; give values that open a stream, as name=value")
        case .rejected(let why):
            report.found(
                .unopened, "every stream is rejected (\(why)); give values that open one, as name=value, or --config")
        case .failed: break
        }
        return nil
    }

    /// Waits until every stream has ended, and reports those that have not.
    func settle() {
        guard !runtime.waitUntilIdle(deadline: monotonicNanoseconds() + Int64(Self.patienceSeconds) * 1_000_000_000)
        else {
            let ledger = entry.ledger
            if ledger.opens != ledger.closes {
                report.found(.neverEnds, "\(ledger.opens) streams were opened, but \(ledger.closes) closed")
            }
            return
        }
        report.found(
            .neverEnds,
            "\(runtime.figures().streams.open) streams are still running \(Self.patienceSeconds) s after their subscribers left"
        )
    }

    func pause(milliseconds: Int) { usleep(UInt32(milliseconds * 1000)) }

    /// Reports how long the producer's calls took, and whether it keeps its promise.
    func judgeTimes() {
        for function in CallTimes.Function.allCases {
            guard let summary = producer.times.summary(of: function) else { continue }
            report.measured(
                "\(function.rawValue), median of \(summary.count)", Self.microseconds(summary.median))
            // A few calls are not enough: the first calls of a process are slow.
            if description.isNonblocking, summary.count >= Self.callsMin, summary.ninth > Self.callNanosecondsMax {
                report.found(
                    .blocking,
                    "\(function.rawValue) takes \(Self.microseconds(summary.median)) (every tenth call more than "
                        + "\(Self.microseconds(summary.ninth))), but SLUICE_NONBLOCKING promises less than 1 ms"
                )
            }
        }
    }

    static func microseconds(_ nanoseconds: Int64) -> String {
        nanoseconds < 1_000_000
            ? "\(nanoseconds / 1000).\(nanoseconds % 1000 / 100) µs"
            : "\(nanoseconds / 1_000_000).\(nanoseconds % 1_000_000 / 100_000) ms"
    }
}

/// The same numbers for the same seed. Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA
/// 2014).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
