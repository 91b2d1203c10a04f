import CSluice
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Sluice

/// The tests that drive a plugin. They run one after the other, because a plugin has only one host.
@Suite("Plugins in Swift", .serialized)
enum PluginTests {}

/// A server for one test at a time: it records a plugin's calls, and runs what the plugin schedules when the test lets
/// time pass.
///
/// Everything runs on the test's own thread, so each test is repeatable, except for cancelled tasks that have left
/// their home.
final class FakeHost: @unchecked Sendable {
    // Unchecked: a test uses its host on one thread, and tests with a host run one after the other. The state that
    // tasks which have left can use or change is protected by the lock.
    nonisolated(unsafe) static var current = FakeHost()

    struct Scheduled: @unchecked Sendable {
        // Unchecked: only the function uses the context.
        let due: Int64
        let stream: UInt
        let function: @convention(c) (UnsafeMutableRawPointer?) -> Void
        let context: UnsafeMutableRawPointer?
    }

    /// The state of services that a plugin can call from any thread.
    private struct Calls {
        var scheduled: [Scheduled] = []
        var over: Set<UInt> = []
        var rejections: [UInt: (Int32, String)] = [:]
        var lines: [String] = []
    }

    /// What the plugin reports about one stream, and what it can ask for.
    struct Stream {
        let declaration: UnsafePointer<sluice_producer>
        var parameters: [String: String] = [:]
        var saved: [UInt8]?
        var wakes = 0
        var opened: [Int32] = []
        var closed = 0
        var rejection: (Int32, String)?
        var failure: String?
        var kept: [UInt8]?
    }

    /// Nanoseconds; time only passes when a test says so.
    private(set) var now: Int64 = 0
    var scheduled: [Scheduled] { calls.withLock { $0.scheduled } }
    var lines: [String] { calls.withLock { $0.lines } }
    private let calls = Mutex(Calls())
    /// By handle; the first is 1.
    var streams: [UInt: Stream] = [:]
    /// Those of the subscribers' token; `nil`: none is asked for.
    var claims: [String: String]?
    /// Texts that were lent. The plugin copies them, so they can be freed after the test.
    private var lent: [UnsafeMutablePointer<CChar>] = []

    deinit { for text in lent { text.deallocate() } }

    static func reset() -> FakeHost {
        current = FakeHost()
        return current
    }

    fileprivate func lend(_ text: String?) -> UnsafePointer<CChar>? {
        guard let text else { return nil }
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
        for (index, byte) in text.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[text.utf8.count] = 0
        lent.append(copy)
        return UnsafePointer(copy)
    }

    fileprivate func schedule(
        _ stream: UInt, _ nanoseconds: Int64, _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ context: UnsafeMutableRawPointer?
    ) -> Bool {
        // A task that has left only calls with a delay of 0.
        let due = nanoseconds > 0 ? now + nanoseconds : 0
        return calls.withLock { calls in
            guard !calls.over.contains(stream) else { return false }
            calls.scheduled.append(Scheduled(due: due, stream: stream, function: function, context: context))
            return true
        }
    }

    /// A stream has ended: calls scheduled for it are dropped.
    func end(_ stream: UInt) {
        calls.withLock { calls in
            calls.over.insert(stream)
            calls.scheduled.removeAll { $0.stream == stream }
        }
    }

    /// Lets time pass: runs what is due, in order, but never calls of a stream that has ended.
    func pass(_ nanoseconds: Int64 = 0) {
        now += nanoseconds
        while let call = takeDue() { call.function(call.context) }
    }

    private func takeDue() -> Scheduled? {
        calls.withLock { [now] calls in
            let next = calls.scheduled.indices.filter { calls.scheduled[$0].due <= now }.min {
                (calls.scheduled[$0].due, $0) < (calls.scheduled[$1].due, $1)
            }
            return next.map { calls.scheduled.remove(at: $0) }
        }
    }

    fileprivate func rejection(of stream: UInt) -> (Int32, String)? { calls.withLock { $0.rejections[stream] } }

    /// Runs scheduled calls, also of tasks that have left their home, until the condition holds.
    func pass(until condition: () -> Bool) -> Bool {
        blockingEventually {
            pass()
            return condition()
        }
    }

    private static func key(_ stream: OpaquePointer?) -> UInt { UInt(bitPattern: stream) }

    nonisolated(unsafe) static let table: UnsafePointer<sluice_host> = {
        var host = sluice_host()
        host.struct_size = UInt32(MemoryLayout<sluice_host>.size)
        host.abi_major = SLUICE_ABI_MAJOR
        host.abi_minor = SLUICE_ABI_MINOR
        host.log = { _, _, message in
            let line = String(cString: message!)
            FakeHost.current.calls.withLock { $0.lines.append(line) }
        }
        host.wake = { FakeHost.current.streams[key($0)]?.wakes += 1 }
        host.schedule = { FakeHost.current.schedule(key($0), $1, $2!, $3) }
        host.parameter = { stream, name in
            FakeHost.current.lend(FakeHost.current.streams[key(stream)]?.parameters[String(cString: name!)])
        }
        host.query = { _, name in FakeHost.current.lend("query of " + String(cString: name!)) }
        host.header = { _, name in FakeHost.current.lend("header of " + String(cString: name!)) }
        host.config = { _, key in FakeHost.current.lend("config of " + String(cString: key!)) }
        host.path = { _ in FakeHost.current.lend("/path") }
        host.method = { _ in FakeHost.current.lend("POST") }
        host.remote_address = { _ in nil }
        host.last_event_id = { _ in FakeHost.current.lend("7") }
        host.body = { _, length in
            length?.pointee = 2
            return FakeHost.current.lend("hi").map { UnsafeRawPointer($0) }
        }
        host.set_header = { _, _, _ in true }
        host.reject = { stream, status, message in
            let rejection = (status, String(cString: message!))
            FakeHost.current.calls.withLock { $0.rejections[key(stream)] = rejection }
        }
        host.fail = { FakeHost.current.streams[key($0)]?.failure = String(cString: $1!) }
        host.opened = { stream, status in
            FakeHost.current.streams[key(stream)]?.opened.append(status)
            if status != Int32(SLUICE_OPEN_OK) { FakeHost.current.end(key(stream)) }
        }
        host.closed = { stream in
            FakeHost.current.streams[key(stream)]?.closed += 1
            FakeHost.current.end(key(stream))
        }
        host.saved = { stream, length in
            guard let saved = FakeHost.current.streams[key(stream)]?.saved else { return nil }
            length?.pointee = saved.count
            return FakeHost.current.lend(String(decoding: saved, as: UTF8.self)).map { UnsafeRawPointer($0) }
        }
        host.save = { stream, bytes, length in
            FakeHost.current.streams[key(stream)]?.kept = Array(UnsafeRawBufferPointer(start: bytes, count: length))
            return true
        }
        host.producer = { FakeHost.current.streams[key($0)]?.declaration }
        host.identity = { _ in FakeHost.current.lend(FakeHost.current.claims.map { $0["sub"] ?? "" }) }
        host.claim = { _, name in FakeHost.current.lend(FakeHost.current.claims?[String(cString: name!)]) }
        let table = UnsafeMutablePointer<sluice_host>.allocate(capacity: 1)
        table.initialize(to: host)
        return UnsafePointer(table)
    }()

    /// The table of a server of version 1.0, which ends with `producer`. The memory after it can't be read.
    nonisolated(unsafe) static let earlierTable: UnsafePointer<sluice_host> = {
        typealias Host = MemoryLayout<sluice_host>
        let (page, size) = (Int(getpagesize()), Host.offset(of: \.identity)!)
        let memory = mmap(nil, 2 * page, PROT_READ | PROT_WRITE, Int32(MAP_PRIVATE) | Int32(MAP_ANONYMOUS), -1, 0)!
        precondition(memory != MAP_FAILED && mprotect(memory + page, page, PROT_NONE) == 0)
        let start = memory + page - size
        start.copyMemory(from: table, byteCount: size)
        start.storeBytes(of: UInt32(size), toByteOffset: Host.offset(of: \.struct_size)!, as: UInt32.self)
        start.storeBytes(of: 0, toByteOffset: Host.offset(of: \.abi_minor)!, as: UInt32.self)
        return UnsafeRawPointer(start).assumingMemoryBound(to: sluice_host.self)
    }()
}

/// A stream that the test drives as a server would.
struct DrivenStream {
    let host: FakeHost
    let handle: UInt
    let declaration: sluice_producer
    var state: UnsafeMutableRawPointer?
    private(set) var answer: Int32 = -1

    private typealias Open = @convention(c) (OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Int32

    /// Opens a stream of the only exported producer.
    init(
        _ type: any ProducerDeclaration.Type, on host: FakeHost, parameters: [String: String] = [:],
        saved: [UInt8]? = nil, table: UnsafePointer<sluice_host> = FakeHost.table
    ) throws {
        let plugin = try #require(export(type, to: table))
        let declared = try #require(plugin.pointee.producers[0])
        self.host = host
        declaration = declared.pointee
        handle = UInt(host.streams.count + 1)
        host.streams[handle] = FakeHost.Stream(declaration: declared, parameters: parameters, saved: saved)
        answer = unsafeBitCast(declaration.open, to: Open.self)(OpaquePointer(bitPattern: handle), &state)
        if answer == Int32(SLUICE_OPEN_END) || answer == Int32(SLUICE_OPEN_REJECT) {
            host.end(handle)
        }
    }

    var said: FakeHost.Stream {
        var said = host.streams[handle]!
        said.rejection = host.rejection(of: handle)
        return said
    }

    enum Next: Equatable {
        case event(MessageEvent, wait: Int64)
        case wait(Int64)
        case end
        case error
    }

    func next() -> Next {
        var event = sluice_event()
        sluice_event_init(&event)
        switch declaration.next(state, &event) {
        case Int32(SLUICE_NEXT_EVENT):
            func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String? {
                start.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) }
            }
            return .event(
                MessageEvent(
                    text(event.data, event.data_length), type: text(event.type, event.type_length),
                    id: text(event.id, event.id_length),
                    retry: event.retry_ms < 0 ? nil : .milliseconds(event.retry_ms),
                    comment: text(event.comment, event.comment_length)),
                wait: event.wait_ms)
        case Int32(SLUICE_NEXT_WAIT): return .wait(event.wait_ms)
        case Int32(SLUICE_NEXT_END): return .end
        default: return .error
        }
    }

    /// - Returns: whether it has ended already, not only later.
    func close(_ reason: CloseReason = .disconnected) -> Bool { close(raw: reason.rawValue) }

    func close(raw reason: Int32) -> Bool {
        let isOver = declaration.close(state, reason) == Int32(SLUICE_CLOSED)
        if isOver { host.end(handle) }
        return isOver
    }
}

/// Notes that producers in these tests write.
final class Notes: Sendable {
    private let list = Mutex<[String]>([])

    var all: [String] { list.withLock { $0 } }
    func note(_ what: String) { list.withLock { $0.append(what) } }
    func reset() { list.withLock { $0 = [] } }
}
