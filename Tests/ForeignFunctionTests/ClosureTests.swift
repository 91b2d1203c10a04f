import Synchronization
import SystemCalls
import Testing

@testable import ForeignFunction

@Suite("Closures")
struct ClosureTests {
    /// Records the arguments of calls from C, and returns a given result.
    final class Recorder: ClosureTarget {
        struct Received: Sendable, Equatable {
            var values: [Value]
            var tag: UInt64
        }

        let received = Mutex<[Received]>([])
        let late = Atomic(0)
        let answer: Value?

        init(answering answer: Value? = nil) { self.answer = answer }

        func call(_ call: ClosureCall, _ words: ClosureWords) {
            let values = call.interface.arguments.indices.map { call.value(at: $0) }
            received.withLock { $0.append(Received(values: values, tag: words.tag)) }
            if let answer { call.returnValue(answer) }
        }

        func calledTooLate() { late.add(1, ordering: .relaxed) }
    }

    /// Calls a closure as C code would, through libffi.
    static func call(_ closure: Closure, _ values: [Value], result: ValueType?) throws -> Value? {
        try TypedCall(arguments: values.map(\.type), result: result)
            .value(of: closure.code, arguments: ArgumentStorage(values: values))
    }

    static func family(
        _ target: any ClosureTarget, _ arguments: [ValueType] = [], _ result: ValueType? = nil, limit: Int = 1000,
        rest: Int64 = 60_000_000_000
    ) throws -> ClosureFamily {
        ClosureFamily(
            target, try CallInterface(arguments: arguments, result: result),
            budget: ClosureBudget(limit: limit, rest: rest))
    }

    @Test("every result type is returned with its sign and width by a live closure, and as zero by a tombstone")
    func results() throws {
        for value in Boundary.all where value != .str("") {
            let recorder = Recorder(answering: value)
            let family = try Self.family(recorder, [], value.type)
            let closure = try family.make(ClosureWords(tag: 7))
            #expect(try Self.call(closure, [], result: value.type) == value)
            #expect(recorder.received.withLock { $0 } == [Recorder.Received(values: [], tag: 7)])
            family.retire(closure)
            #expect(try Self.call(closure, [], result: value.type) == Boundary.zero(value.type))
            #expect(recorder.late.load(ordering: .relaxed) == 1)
        }
    }

    @Test("every argument type arrives with its sign and width")
    func arguments() throws {
        let recorder = Recorder()
        for value in Boundary.all {
            let closure = try Self.family(recorder, [value.type]).make(ClosureWords())
            #expect(try Self.call(closure, [value], result: nil) == nil)
            let received = recorder.received.withLock { $0.removeLast() }
            #expect(received.values == [value])
        }
    }

    @Test("more arguments than fit into registers arrive in order")
    func manyArguments() throws {
        let recorder = Recorder()
        let values = Boundary.all + Boundary.all.reversed()
        #expect(values.count >= 60)
        let closure = try Self.family(recorder, values.map(\.type)).make(ClosureWords())
        #expect(try Self.call(closure, values, result: nil) == nil)
        #expect(recorder.received.withLock { $0.first?.values } == values)
    }

    @Test("a bound function is called with its context first, and its result is returned")
    func forwarding() throws {
        final class Forwarder: ClosureTarget {
            let interface: CallInterface
            init(_ interface: CallInterface) { self.interface = interface }
            func call(_ call: ClosureCall, _ words: ClosureWords) {
                call.forward(to: words.function!, words.context, through: interface)
            }
            func calledTooLate() {}
        }
        let library = try CompiledLibrary(
            """
            #include <stdint.h>
            double f(int64_t *sum, int8_t a, float b, const char *c) { *sum += a; return b + (c ? c[0] : 0.5); }
            """)
        let types: [ValueType] = [.i8, .f32, .str]
        let forwarder = Forwarder(try CallInterface(arguments: [.ptr] + types, result: .f64))
        let family = try Self.family(forwarder, types, .f64)
        var sum: Int64 = 0
        try withUnsafeMutablePointer(to: &sum) { sum in
            let closure = try family.make(ClosureWords(function: try library.address(of: "f"), context: sum))
            #expect(try Self.call(closure, [.i8(-128), .f32(0.25), .str("A")], result: .f64) == .f64(65.25))
            #expect(try Self.call(closure, [.i8(127), .f32(-1), .str(nil)], result: .f64) == .f64(-0.5))
            family.retire(closure)
            #expect(try Self.call(closure, [.i8(1), .f32(1), .str(nil)], result: .f64) == .f64(0))
        }
        #expect(sum == -1)
    }

    @Test("a tombstone that has rested is reused, the oldest first; others are not")
    func reuse() throws {
        let recorder = Recorder()
        let family = try Self.family(recorder, limit: 3, rest: 0)
        let closures = try (0..<3).map { try family.make(ClosureWords(tag: $0)) }
        #expect(throws: ClosureError.limit(3)) { try family.make(ClosureWords()) }
        family.retire(closures[1])
        family.retire(closures[0])
        family.retire(closures[0])
        let again = try family.make(ClosureWords(tag: 8))
        #expect(again === closures[1])
        #expect(try Self.call(again, [], result: nil) == nil)
        #expect(recorder.received.withLock { $0.map(\.tag) } == [8])
        #expect(try family.make(ClosureWords(tag: 9)) === closures[0])
        #expect(throws: ClosureError.limit(3)) { try family.make(ClosureWords()) }
    }

    @Test("a tombstone without a rest is not reused")
    func unrested() throws {
        let recorder = Recorder()
        let family = try Self.family(recorder, limit: 2, rest: 3_600_000_000_000)
        let first = try family.make(ClosureWords())
        family.retire(first)
        let second = try family.make(ClosureWords())
        #expect(second !== first)
        #expect(throws: ClosureError.limit(2)) { try family.make(ClosureWords()) }
    }

    @Test("a late call restarts the rest")
    func lateCall() throws {
        let recorder = Recorder()
        let rest: Int64 = 100_000_000
        var sinceLastCall: Int64
        var isSilentReused: Bool
        // If the process is suspended between the last call and the reuse, both have rested, which proves nothing.
        repeat {
            let family = try Self.family(recorder, limit: 3, rest: rest)
            let (called, silent) = (try family.make(ClosureWords()), try family.make(ClosureWords()))
            family.retire(called)
            family.retire(silent)
            let retired = monotonicNanoseconds()
            var lastCall = retired
            repeat {
                lastCall = monotonicNanoseconds()
                _ = try Self.call(called, [], result: nil)
            } while lastCall <= retired + rest
            isSilentReused = try family.make(ClosureWords()) === silent
            sinceLastCall = monotonicNanoseconds() - lastCall
        } while sinceLastCall >= rest
        #expect(isSilentReused)
        let late = recorder.late.load(ordering: .relaxed)
        #expect(late > 0)
        #expect(recorder.received.withLock { $0.isEmpty })
    }

    @Test("a tombstone is not reused while a call of it is running")
    func busy() throws {
        /// Retires its own closure from inside a call, and tries to have it reused.
        final class Reuser: ClosureTarget {
            let family = Mutex<ClosureFamily?>(nil)
            let closure = Mutex<Closure?>(nil)
            let outcome = Mutex<ClosureError?>(nil)
            func call(_ call: ClosureCall, _ words: ClosureWords) {
                guard let family = family.withLock({ $0 }), let closure = closure.withLock({ $0 }) else { return }
                family.retire(closure)
                do throws(ClosureError) { _ = try family.make(ClosureWords()) } catch {
                    outcome.withLock { $0 = error }
                }
            }
            func calledTooLate() {}
        }
        let reuser = Reuser()
        let family = try Self.family(reuser, limit: 1, rest: 0)
        let closure = try family.make(ClosureWords())
        reuser.family.withLock { $0 = family }
        reuser.closure.withLock { $0 = closure }
        _ = try Self.call(closure, [], result: nil)
        #expect(reuser.outcome.withLock { $0 } == .limit(1))
        #expect(try family.make(ClosureWords()) === closure)
        reuser.family.withLock { $0 = nil }
    }

    @Test("the budget counts live closures, tombstones and their bytes")
    func figures() throws {
        let budget = ClosureBudget(limit: 5, rest: 0)
        let family = ClosureFamily(Recorder(), try CallInterface(arguments: [], result: nil), budget: budget)
        let closures = try (0..<3).map { _ in try family.make(ClosureWords()) }
        family.retire(closures[0])
        #expect(budget.figures == ClosureBudget.Figures(live: 2, tombstones: 1, bytes: 3 * Closure.bytes))
        _ = try family.make(ClosureWords())
        #expect(budget.figures == ClosureBudget.Figures(live: 3, tombstones: 0, bytes: 3 * Closure.bytes))
    }
}

/// The smallest and largest values of each type.
enum Boundary {
    static let all: [Value] = [
        .bool(false), .bool(true), .i8(.min), .i8(-1), .i8(.max), .i16(.min), .i16(-1), .i16(.max),
        .i32(.min), .i32(-1), .i32(0), .i32(.max), .i64(.min), .i64(-1), .i64(0), .i64(.max), .u8(0), .u8(.max),
        .u16(0), .u16(.max), .u32(0), .u32(.max), .u64(0), .u64(.max), .f32(-0.0), .f32(.leastNonzeroMagnitude),
        .f32(-.greatestFiniteMagnitude), .f32(.infinity), .f64(-0.0), .f64(.leastNonzeroMagnitude),
        .f64(-.greatestFiniteMagnitude), .f64(-.infinity), .str(nil), .str(""), .ptr(0), .ptr(.max),
    ]

    static func zero(_ type: ValueType) -> Value {
        switch type {
        case .bool: .bool(false)
        case .i8: .i8(0)
        case .i16: .i16(0)
        case .i32: .i32(0)
        case .i64: .i64(0)
        case .u8: .u8(0)
        case .u16: .u16(0)
        case .u32: .u32(0)
        case .u64: .u64(0)
        case .f32: .f32(0)
        case .f64: .f64(0)
        case .str: .str(nil)
        case .ptr: .ptr(0)
        }
    }
}
