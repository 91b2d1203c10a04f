import EventStream
import PluginHost
import ProducerInterface
import Synchronization
import SystemCalls

/// A producer whose calls are timed.
final class TimedProducer: EventProducer {
    let plugin: PluginProducer
    let times = CallTimes()
    var description: ProducerDescription { plugin.description }

    init(_ plugin: PluginProducer) { self.plugin = plugin }

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters {
        try plugin.resolve(path: path, query: query)
    }

    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome {
        let start = monotonicNanoseconds()
        defer { times.add(.open, monotonicNanoseconds() - start) }
        return plugin.open(stream, request, state: &state)
    }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        let start = monotonicNanoseconds()
        defer { times.add(.next, monotonicNanoseconds() - start) }
        // One at a time, so that it is one call that is timed.
        return plugin.pull(stream, state: state, into: &frames, events: 1, bytes: bytes)
    }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool {
        let start = monotonicNanoseconds()
        defer { times.add(.close, monotonicNanoseconds() - start) }
        return plugin.close(stream, state: state, reason: reason)
    }

    func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]? {
        plugin.save(stream, state: state)
    }

    func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)? { plugin.adopt(parameters) }

    var hasInterrupt: Bool { plugin.hasInterrupt }

    func interrupt(_ stream: StreamToken, state: ProducerState) {
        plugin.interrupt(stream, state: state)
    }

    func perform(_ stream: StreamToken, _ call: ProducerCall) { plugin.perform(stream, call) }

    func forget(_ stream: StreamToken) { plugin.forget(stream) }
}

/// How long the calls of a producer took, by function.
final class CallTimes: Sendable {
    enum Function: String, CaseIterable { case open, next, close }

    private struct Samples {
        var nanoseconds: [Int64] = []
        var count = 0
    }

    private let samples = Mutex<[Function: Samples]>([:])
    /// The first so many are kept.
    private static let samplesMax = 20_000

    func add(_ function: Function, _ nanoseconds: Nanoseconds) {
        samples.withLock { all in
            all[function, default: Samples()].count += 1
            if all[function]!.nanoseconds.count < Self.samplesMax { all[function]!.nanoseconds.append(nanoseconds) }
        }
    }

    struct Summary {
        let count: Int
        let median: Nanoseconds
        /// Nine of ten calls were faster, so that a machine which is busy elsewhere accuses nobody.
        let ninth: Nanoseconds
    }

    func summary(of function: Function) -> Summary? {
        samples.withLock { all in
            guard let samples = all[function], !samples.nanoseconds.isEmpty else { return nil }
            let sorted = samples.nanoseconds.sorted()
            return Summary(
                count: samples.count, median: sorted[sorted.count / 2], ninth: sorted[(sorted.count - 1) * 9 / 10])
        }
    }
}

/// The runtime as plugins reach it, where producers are timed: whose stream it is, is the plugin's own producer.
final class TimedServices: StreamServices {
    private let services: any StreamServices

    init(_ services: any StreamServices) { self.services = services }

    func producer(of stream: StreamToken) -> (any EventProducer)? {
        let producer = services.producer(of: stream)
        return (producer as? TimedProducer)?.plugin ?? producer
    }

    func wake(_ stream: StreamToken) -> Bool { services.wake(stream) }
    func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome {
        services.emit(stream, whenFull: policy, encode)
    }
    func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer) {
        services.takeEmitted(stream, into: &frames)
    }
    func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool? {
        services.sleep(stream, milliseconds: milliseconds)
    }
    func isCancelled(_ stream: StreamToken) -> Bool { services.isCancelled(stream) }
    func isLive(_ stream: StreamToken) -> Bool { services.isLive(stream) }
    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool { services.opened(stream, outcome) }
    func closed(_ stream: StreamToken) -> Bool { services.closed(stream) }
    func schedule(
        _ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall
    ) -> ScheduleOutcome {
        services.schedule(stream, afterNanoseconds: afterNanoseconds, call)
    }
}
