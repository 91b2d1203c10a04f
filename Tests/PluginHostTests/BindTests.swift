import CSluice
import ForeignFunction
import Glibc
import ProducerInterface
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

/// `host->bind`, and what both kinds of functions have in common: how long they live, and what is refused.
@Suite("Bound functions")
struct BindTests {
    private typealias Hook = @convention(c) (Int32) -> Int32
    private static let add: @convention(c) (UnsafeMutablePointer<Int64>?, Int32) -> Int32 = { sum, number in
        sum?.pointee += Int64(number)
        return number &* 2
    }
    private static let handler = unsafeBitCast(add, to: sluice_function.self)

    /// What the threads of a storm know.
    private final class Storm: Sendable {
        /// A stream's functions.
        struct Bound {
            let function: Hook
            let emitting: Hook
        }

        let current = Mutex<Bound?>(nil)
        let answered = Atomic(0)
        let isOver = Atomic(false)
    }

    @Test("the handler gets its context and the arguments; its result is handed back")
    func forwarding() throws {
        let stream = try BridgedStream("bind-forwarding")
        typealias Handler =
            @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Double) -> UnsafeRawPointer?
        let handler: Handler = { seen, text, number in
            seen?.assumingMemoryBound(to: String.self).pointee +=
                "\(text.map { String(cString: $0) } ?? "NULL") \(number);"
            return UnsafeRawPointer(bitPattern: 0xABC)
        }
        var seen = ""
        try withUnsafeMutablePointer(to: &seen) { seen in
            let bound = try #require(
                stream.bind("(str, f64) -> ptr", unsafeBitCast(handler, to: sluice_function.self), seen))
            let function = unsafeBitCast(
                bound, to: (@convention(c) (UnsafePointer<CChar>?, Double) -> UnsafeRawPointer?).self)
            #expect(function("a", 0.5) == UnsafeRawPointer(bitPattern: 0xABC))
            #expect(function(nil, -1) == UnsafeRawPointer(bitPattern: 0xABC))
        }
        #expect(seen == "a 0.5;NULL -1.0;")
    }

    @Test("two functions of one signature each have their own context")
    func contexts() throws {
        let stream = try BridgedStream("bind-contexts")
        var sums: [Int64] = [0, 0]
        try sums.withUnsafeMutableBufferPointer { sums in
            let functions = try (0..<2).map {
                unsafeBitCast(
                    try #require(stream.bind("(i32) -> i32", Self.handler, sums.baseAddress! + $0)), to: Hook.self)
            }
            #expect(functions[0](1) == 2)
            #expect(functions[1](10) == 20)
            #expect(functions[1](.min) == 0)
        }
        #expect(sums == [1, 10 + Int64(Int32.min)])
    }

    @Test("after the stream's close a call does nothing, returns zero, is counted, and logged once in a while")
    func tombstone() throws {
        let stream = try BridgedStream("bind-tombstone")
        var sum: Int64 = 0
        try withUnsafeMutablePointer(to: &sum) { sum in
            let bound = unsafeBitCast(
                try #require(stream.bind("(i32) -> i32", Self.handler, sum)), to: Hook.self)
            let emitting = try stream.callback("n: i32 -> i32", as: Hook.self)
            #expect(bound(3) == 6 && emitting(1) == 0)
            stream.close()
            for _ in 0..<10 { #expect(bound(3) == 0 && emitting(1) == 0) }
        }
        #expect(sum == 3)
        #expect(stream.events().count == 1)
        #expect(stream.callbacks.counts.late == 20)
        #expect(
            stream.lines == [
                "a C function was called after the close of its stream, and did nothing (1 such calls so far)"
            ])
        #expect(RecordedLog.lines("producer", stream.name).first?.metadata["producer"] == stream.name)
    }

    @Test("a stream that was refused takes its functions with it", arguments: [1, 2, 99])
    func refused(status: Int32) throws {
        // Bound before open is called: the handle is known from then on.
        let name = "bind-refused-\(status)"
        let plugin = try loadFixture("Bridged", defines: ["NAME=\"\(name)\""], log: name)
        let stream = HandDrivenStream(plugin.producers[0])
        let bound = unsafeBitCast(
            try #require(HostTable.pointer.pointee.bind(stream.token.handle, "(i32) -> i32", Self.handler, nil)),
            to: Hook.self)
        #expect(bound(4) == 8)
        _ = try stream.open(stream.request(query: [.init("opens", String(status))]))
        #expect(bound(4) == 0)
        #expect(stream.producer.callbacks.counts.late == 1)
    }

    @Test("a close that is completed later ends the functions when it is, and not before")
    func closedLater() throws {
        let stream = try BridgedStream("bind-closed-later", closes: 1)
        let bound = unsafeBitCast(try #require(stream.bind("(i32) -> i32", Self.handler)), to: Hook.self)
        // Without a close in progress this is a mistake, and changes nothing.
        HostTable.pointer.pointee.closed(stream.token.handle)
        #expect(bound(1) == 2)
        FakeRuntime.shared.change(stream.token) { $0.isClosing = true }
        stream.close()
        #expect(bound(1) == 2)
        HostTable.pointer.pointee.closed(stream.token.handle)
        #expect(bound(1) == 0)
    }

    @Test("for a pending open that is refused later, the functions end with the refusal")
    func pendingRefused() throws {
        let stream = try BridgedStream("bind-pending", opens: 3)
        FakeRuntime.shared.change(stream.token) { $0.isOpenPending = true }
        let bound = unsafeBitCast(try #require(stream.bind("(i32) -> i32", Self.handler)), to: Hook.self)
        #expect(bound(1) == 2)
        HostTable.pointer.pointee.opened(stream.token.handle, Int32(SLUICE_OPEN_REJECT))
        #expect(bound(1) == 0)
    }

    private final class Dwelling: Sendable {
        let calls = Watched(0)
        let isReleased = Watched(false)
        let hasLeft = Watched(false)
    }

    // Waits on its own thread: while a handler stays, nothing here may depend on when Swift's few threads get to it.
    @Test("a handler that runs while its stream ends goes on; nobody waits for it, and no other call reaches it")
    func runningHandler() throws {
        let stream = try BridgedStream("running-handler")
        let dwelling = Dwelling()
        let handler: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            let dwelling = Unmanaged<Dwelling>.fromOpaque(context!).takeUnretainedValue()
            dwelling.calls.update { $0 += 1 }
            _ = dwelling.isReleased.becomes(true, within: .seconds(60))
            dwelling.hasLeft.update { $0 = true }
        }
        let made = stream.bind(
            "()", unsafeBitCast(handler, to: sluice_function.self), Unmanaged.passUnretained(dwelling).toOpaque())
        let function = try #require(made)
        startThread { function() }
        #expect(dwelling.calls.becomes(1))
        stream.close()
        #expect(!dwelling.hasLeft.read { $0 })
        function()
        #expect(dwelling.calls.read { $0 } == 1)
        dwelling.isReleased.update { $0 = true }
        #expect(dwelling.hasLeft.becomes(true))
    }

    @Test("a closed stream gets no function")
    func closedStream() throws {
        let stream = try BridgedStream("bind-closed")
        let handle = stream.token.handle
        stream.close()
        // The runtime may not know yet.
        #expect(stream.callback("n: i32") != nil)
        let first = try BridgedStream("bind-closed-after")
        _ = try #require(first.callback("n: i32"))
        first.close()
        #expect(first.callback("n: i32") == nil)
        FakeRuntime.shared.end(stream.token)
        #expect(HostTable.pointer.pointee.callback(handle, "n: i32") == nil)
        #expect(HostTable.pointer.pointee.bind(handle, "()", Self.handler, nil) == nil)
        #expect(HostTable.pointer.pointee.bind(nil, "()", Self.handler, nil) == nil)
        #expect(first.lines == ["host->callback was called for a stream that is over"])
    }

    @Test("what is wrong with a call is said, and where")
    func badInput() throws {
        let stream = try BridgedStream("bind-bad-input")
        #expect(stream.bind(nil, Self.handler) == nil)
        #expect(stream.bind("() -> void", nil) == nil)
        #expect(stream.bind("(str, in) -> void", Self.handler) == nil)
        #expect(stream.callback(nil) == nil)
        #expect(stream.callback("a: i32; full=never") == nil)
        #expect(stream.callback(String(repeating: "_: i32,", count: 1000)) == nil)
        let types = "bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 str ptr"
        #expect(
            stream.lines == [
                "host->bind was given no signature", "host->bind was given no handler",
                "host->bind cannot read its signature: there is no type 'in'; the types are \(types) at column 7 of \"(str, in) -> void\"",
                "    (str, in) -> void", "          ^",
                "host->callback was given no signature",
                "host->callback cannot read its signature: there is no policy 'never'; full is drop-newest, drop-oldest or fail at column 14 of \"a: i32; full=never\"",
                "    a: i32; full=never", "                 ^",
                "host->callback was given a signature that is not UTF-8, or has more than 4096 bytes",
            ])
    }

    @Test("signatures are prepared once for each producer, and there is an end to their number")
    func families() throws {
        let stream = try BridgedStream("bind-families")
        for number in 0..<ProducerCallbacks.familyCountMax {
            #expect(stream.callback("; type=t\(number)") != nil)
        }
        #expect(stream.callback("; type=one-more") == nil)
        #expect(stream.callback("; type=t7") != nil)
        #expect(
            stream.lines == ["host->callback was given more than 256 different signatures by this producer"])
        // Another generation of it is known by the same name.
        let next = try BridgedStream("bind-families")
        #expect(next.callbacks === stream.callbacks)
        #expect(next.callback("; type=one-more") == nil)
    }

    @Test(
        "8 threads call while streams open and close: each call reaches its own stream or none",
        .timeLimit(.minutes(2)))
    func storm() async throws {
        let plugin = try loadFixture("Bridged", defines: ["NAME=\"bind-storm\""], log: "bind-storm")
        let storm = Storm()
        let streams = 200

        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    while !storm.isOver.load(ordering: .relaxed) {
                        if let bound = storm.current.withLock({ $0 }) {
                            for _ in 0..<16 { storm.answered.add(Int(bound.function(1)), ordering: .relaxed) }
                            #expect(bound.emitting(1) == 0)
                        }
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                defer { storm.isOver.store(true, ordering: .relaxed) }
                typealias Count = @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32
                let count: Count = { sum, number in
                    sum?.assumingMemoryBound(to: Atomic<Int>.self).pointee.add(Int(number), ordering: .relaxed)
                    return number
                }
                let handler = unsafeBitCast(count, to: sluice_function.self)
                for _ in 0..<streams {
                    let stream = try BridgedStream(plugin)
                    // Never freed, as a late call may come at any time.
                    let sum = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: 1)
                    sum.initialize(to: Atomic(0))
                    let function = unsafeBitCast(
                        try #require(stream.bind("(i32) -> i32", handler, sum)), to: Hook.self)
                    let emitting = try stream.callback("n: i32 -> i32", as: Hook.self)
                    storm.current.withLock { $0 = Storm.Bound(function: function, emitting: emitting) }
                    #expect(await eventually { sum.pointee.load(ordering: .relaxed) >= 64 })
                    stream.close()
                    // The threads still have it.
                    await Task.yield()
                }
                storm.current.withLock { $0 = nil }
            }
            try await group.waitForAll()
        }
        #expect(storm.answered.load(ordering: .relaxed) >= 64 * streams)
    }
}
