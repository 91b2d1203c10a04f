import EventStream
import ForeignFunction
import Glibc
import Logging
import PluginHost
import ProducerInterface
import Synchronization

/// Prints the costs of calls through libffi, compared with direct calls of the same function.
@main
enum CallBenchmark {
    private typealias Function = @convention(c) (UnsafeRawPointer?, UnsafePointer<CChar>?, Double, Int64) -> Int32
    private typealias Callback = @convention(c) (Int32, UnsafeRawPointer?, UnsafePointer<CChar>?, Int64) -> Void

    /// The function that all calls reach.
    private static let function: Function = { context, text, number, count in
        Int32(truncatingIfNeeded: Int(bitPattern: context) &+ Int(count)) &+ Int32(text?.pointee ?? 0) &+ Int32(number)
    }

    static func main() throws {
        let address = unsafeBitCast(function, to: UnsafeRawPointer.self)
        let direct = measure("direct call through a pointer") { turn in
            _ = opaque(address, as: Function.self)(nil, "symbol", 0.5, Int64(turn))
        }

        // An open: the pointers first, then the request's parameters.
        let types: [ValueType] = [.str, .f64, .i64]
        let call = try TypedCall(leadingPointers: 1, arguments: types)
        let values: [Value] = [.str("symbol"), .f64(0.5), .i64(7)]
        let storage = ArgumentStorage(values: values)
        measure("typed call (ffi_call)", beside: direct) { _ in
            _ = call.call(address, leading: [nil], arguments: storage)
        }
        measure("typed open: values made ready, and the call", beside: direct) { _ in
            _ = call.call(address, leading: [nil], arguments: ArgumentStorage(values: values))
        }

        // A callback: only libffi's closure, then one that is bound to a handler.
        let empty = ClosureFamily(Nothing(), try CallInterface(arguments: [.ptr] + types, result: .i32))
        let closure = try empty.make(ClosureWords())
        measure("closure call", beside: direct) { turn in
            _ = opaque(closure.code, as: Function.self)(nil, "symbol", 0.5, Int64(turn))
        }
        typealias Bound = @convention(c) (UnsafePointer<CChar>?, Double, Int64) -> Int32
        let logger = Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() }
        let callbacks = ProducerCallbacks.of(plugin: "benchmark", producer: "calls", logger: logger)
        let binding = try BoundFunction.family("(str, f64, i64) -> i32", callbacks)
        let bound = try binding.make(ClosureWords(function: address))
        measure("call of a bound function (closure and ffi_call)", beside: direct) { turn in
            _ = opaque(bound.code, as: Bound.self)("symbol", 0.5, Int64(turn))
        }
        binding.retire(bound)
        measure("late call of a bound function", beside: direct) { turn in
            _ = opaque(bound.code, as: Bound.self)("symbol", 0.5, Int64(turn))
        }

        // A call that becomes an event, compared with the same event created directly.
        let queue = Queue()
        ConnectedRuntime.connect(queue)
        let events = try EventFunction.family(
            "op: i32, _: ptr, table: str, rowid: i64", EventEncoder(), callbacks)
        let token = StreamToken(loop: 0, slot: 1, epoch: 1)
        let source = try events.make(ClosureWords(tag: token.raw))
        var event = EventFields()
        let json: StaticString = #"{"op":18,"table":"users","rowid":1234567}"#
        event.data = UnsafeRawBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount)
        let emit = measure("emit of an event whose JSON is there") { _ in
            _ = queue.emit(token) { frames in (try? EventEncoder().encode(event, into: &frames)) != nil }
        }
        measure("callback to event (closure, JSON and emit)", beside: emit, of: "emit") { turn in
            opaque(source.code, as: Callback.self)(18, nil, "users", 1_234_567)
        }

        let churn = ClosureFamily(
            Nothing(), try CallInterface(arguments: [], result: nil), budget: ClosureBudget(limit: 4, rest: 0))
        measure("a function made from a rested one, and buried") { _ in
            if let closure = try? churn.make(ClosureWords()) { churn.retire(closure) }
        }
    }

    /// A pointer that the compiler can't make assumptions about.
    @inline(never)
    @_optimize(none)
    private static func opaque<Called>(_ address: UnsafeRawPointer, as type: Called.Type) -> Called {
        unsafeBitCast(address, to: type)
    }

    /// The fastest of many rounds: slower ones were disturbed by other work.
    @discardableResult
    private static func measure(
        _ name: String, beside other: Double? = nil, of what: String = "direct", _ body: (Int) -> Void
    ) -> Double {
        let calls = 10_000
        var best = Duration.seconds(1)
        for _ in 0..<200 {
            best = min(best, ContinuousClock().measure { for turn in 0..<calls { body(turn) } })
        }
        let nanoseconds = Double(Int(best / calls / Duration.nanoseconds(1) * 10)) / 10
        let ratio = other.map { " (\(Double(Int(nanoseconds / $0 * 10)) / 10) × \(what))" } ?? ""
        print("\(name): \(nanoseconds) ns\(ratio)")
        return nanoseconds
    }
}

private final class Nothing: ClosureTarget {
    func call(_ call: ClosureCall, _ words: ClosureWords) {}
    func calledTooLate() {}
}
