import CommandOutput
import EventStream
import Glibc
import Logging
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime
import SystemCalls

/// One stream of one producer without a server: what it sends goes to standard output as it would go over the wire.
struct StreamRun {
    let plugin: LoadedPlugin
    let producer: PluginProducer
    let request: StreamRequest
    /// Leaves behind so many events; `nil`: stays to the end.
    let eventCountMax: Int?
    let logger: Logger

    /// How long the producer has to answer, and to close, once its stream is to end. Seconds.
    private static let closeSeconds = 10

    /// - Returns: the exit status: 0, or 1 if the stream failed or did not end.
    /// - Throws: why there was no stream.
    func run() throws(CommandFailure) -> Int32 {
        var limits = Limits()
        limits.hub.linger = 0
        // There is no place to come back to.
        limits.hub.isAnchored = false
        let runtime = Runtime(systems: [EpollSystem()], limits: limits, logger: logger)
        ConnectedRuntime.connect(runtime)
        let generation = Generation(plugin: plugin.name, number: 1, shutdown: plugin.shutdown)
        let entry = ProducerEntry(producer: producer, generation: generation)
        runtime.replaceRoutes(RouteTable([entry]))
        let printed = PrintedStream()
        try passSignals(to: printed)
        guard runtime.start() else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        let token: StreamToken
        do throws(Overload) {
            token = try runtime.open(RouteMatch(entry: entry, values: []), request, answering: printed)
        } catch {
            throw CommandFailure("no stream can be opened: \(error.limit)")
        }
        defer { generation.retire() }
        guard try print(printed, token, runtime), waitForClose(printed, runtime) else { return 1 }
        return entry.ledger.reasons[.failed] == nil ? 0 : 1
    }

    /// SIGINT, SIGTERM and SIGHUP end the stream.
    private func passSignals(to printed: PrintedStream) throws(CommandFailure) {
        let events = try ControlEvents()
        let isStarted = startThread(named: "sluice-signals", stackBytes: 512 * 1024) {
            while true {
                for event in events.next(until: nil, now: monotonicNanoseconds) where event != .ledger {
                    printed.post(.interrupted)
                }
            }
        }
        guard isStarted else { throw CommandFailure("no thread can be started (ulimit -u?)") }
    }

    /// Prints until the end of the stream.
    /// - Returns: `false` if somebody could not wait for it.
    private func print(
        _ printed: PrintedStream, _ token: StreamToken, _ runtime: Runtime
    ) throws(CommandFailure) -> Bool {
        var cut = eventCountMax.map(FrameCut.init)
        var isEnding = false
        while true {
            guard let happening = printed.next(within: isEnding ? Self.closeSeconds : nil) else { return noteUnended() }
            switch happening {
            case .answered(.stream):
                runtime.attach(token, to: .sink(printed), form: .reconnects)
            case .answered(let answer):
                return try explain(answer, isEnding: isEnding)
            case .bytes(let bytes):
                let count = cut?.take(bytes) ?? bytes.count
                let isWritten = writeFully(Array(bytes[..<count]), to: STDOUT_FILENO)
                if !isWritten || cut?.remaining == 0 {
                    runtime.sinkClosed(token)
                    return true
                }
                runtime.sinksDrained([token])
            case .finished, .aborted:
                return true
            case .interrupted:
                if isEnding { return false }
                isEnding = true
                runtime.end(nil, .shutdown)
            }
        }
    }

    private func explain(_ answer: OpenAnswer, isEnding: Bool) throws(CommandFailure) -> Bool {
        switch answer {
        case .stream: true
        case .ended:
            note("the producer has nothing (more) to send: a server answers 204")
        case .rejected(let status, let message, _):
            throw CommandFailure("rejected with \(status): \(message)")
        case .failed:
            throw CommandFailure("the producer's open failed: a server answers 500; the log above says why")
        case .unavailable:
            isEnding
        }
    }

    private func note(_ text: String) -> Bool {
        writeFully("sluice: \(text)\n", to: STDERR_FILENO)
        return true
    }

    /// - Returns: `false` if the producer did not close its stream.
    private func waitForClose(_ printed: PrintedStream, _ runtime: Runtime) -> Bool {
        for _ in 0..<Self.closeSeconds {
            if runtime.waitUntilIdle(deadline: monotonicNanoseconds() + 1_000_000_000) { return true }
            if case .interrupted? = printed.next(within: 0) { break }
        }
        return noteUnended()
    }

    /// - Returns: `false`.
    private func noteUnended() -> Bool {
        !note("the producer \(producer.description.name) does not end its stream; giving up")
    }
}
