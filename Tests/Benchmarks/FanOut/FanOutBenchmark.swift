import EventStream
import Glibc
import Logging
import ProducerInterface
import StreamLoop
import StreamRuntime

/// Delivers events of one shared stream to its own socket pairs, on one thread, to measure the cost of a delivery in
/// user space.
///
///     FanOutBenchmark [SUBSCRIBERS] [EVENTS]
///
/// Under callgrind, collect within `LoopStreams.deliver` alone; Tests/Benchmarks/README.md has the command.
@main
enum FanOutBenchmark {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let (subscribers, events) = (arguments.first ?? 100, arguments.dropFirst().first ?? 1000)
        let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let runtime = Runtime(systems: [EpollSystem()], limits: Limits(), logger: logger)
        let producer = Numbers()
        let entry = ProducerEntry(producer: producer, generation: Generation(plugin: "benchmark", number: 1))
        var readers: [Int32] = []
        for _ in 0..<subscribers {
            let door = Door()
            let request = StreamRequest(
                method: "GET", path: "/numbers", query: [], headers: [], remoteAddress: "", lastEventID: nil, body: [],
                parameters: NoParameters())
            guard let token = try? runtime.open(RouteMatch(entry: entry, values: []), request, answering: door) else {
                fatalError("a limit is reached")
            }
            turn(runtime)
            var pair: [Int32] = [0, 0]
            precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0, "no more descriptors")
            _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
            readers.append(pair[1])
            runtime.attach(token, to: .descriptor(pair[0]), form: [.chunked, .reconnects])
            turn(runtime)
        }
        drain(readers)
        var spent = Duration.zero
        let token = producer.stream!
        for _ in 0..<events {
            runtime.wake(token)
            spent += ContinuousClock().measure { runtime.turn() }
            drain(readers)
        }
        let nanoseconds = Int(spent / (subscribers * events) / Duration.nanoseconds(1))
        print("\(subscribers) subscribers, \(events) events: \(nanoseconds) ns for each delivery, send(2) included")
    }

    private static func turn(_ runtime: Runtime) {
        for _ in 0..<4 { runtime.turn() }
    }

    private static func drain(_ readers: [Int32]) {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
            for reader in readers { while recv(reader, buffer.baseAddress, 4096, Int32(MSG_DONTWAIT)) > 0 {} }
        }
    }
}

/// Sends an event of 120 bytes whenever it is woken.
private final class Numbers: EventProducer, @unchecked Sendable {
    // Unchecked: everything happens on one thread.
    let description = ProducerDescription(plugin: "benchmark", name: "numbers", route: "/numbers", isShared: true)
    private let text = String(repeating: "x", count: 120)
    private(set) var stream: StreamToken?

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters { NoParameters() }

    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome {
        self.stream = stream
        return .opened(headers: [])
    }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        try? EventEncoder().encode(Event(data: text), into: &frames)
        return .wait(milliseconds: -1)
    }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool { true }
    func interrupt(_ stream: StreamToken, state: ProducerState) {}
}

private struct NoParameters: ResolvedParameters {
    var canonical: String { "" }
}

private final class Door: OpenAnswering {
    func answer(_ answer: OpenAnswer) {}
}
