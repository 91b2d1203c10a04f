import CSluice
import Glibc
import Logging
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

/// The tests call the functions in the table as a plugin would, outside of its `open`, which is pending.
@Suite("The host table")
struct HostTableTests {
    private let host = HostTable.pointer.pointee
    private let nothing: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in }

    private func pending(
        _ change: (HandDrivenStream) throws -> StreamRequest = { try $0.request() }, log: String = "test",
        configuration: [String: [String: String]] = [:]
    ) throws -> HandDrivenStream {
        let settings = PluginLoader.Settings(configuration: configuration)
        let stream = try HandDrivenStream(loadFixture("AnswersAsTold", settings: settings, log: log), "pending")
        #expect(try stream.open(change(stream)).text == "pending")
        FakeRuntime.shared.change(stream.token) { $0.isOpenPending = true }
        return stream
    }

    /// Answers a pending open, closes and frees.
    private func finish(_ stream: HandDrivenStream) {
        if StreamMaps.opening[stream.token] != nil { host.opened(stream.token.handle, Int32(SLUICE_OPEN_OK)) }
        #expect(stream.close(.completed))
        stream.state.pointer?.deallocate()
    }

    private func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    @Test("has its size and version")
    func version() {
        #expect(host.struct_size == UInt32(MemoryLayout<sluice_host>.size))
        #expect(host.abi_major == 1 && host.abi_minor == 1 && host.reserved == 0)
        #expect(text(host.version) == hostVersion)
    }

    @Test("has every function that the header promises")
    func complete() {
        withUnsafeBytes(of: host) { bytes in
            let words = stride(from: 16, to: bytes.count, by: 8).map { bytes.load(fromByteOffset: $0, as: UInt.self) }
            #expect(words.count == 28)
            #expect(words.allSatisfy { $0 != 0 })
        }
    }

    @Test("lends the request until open is answered")
    func request() throws {
        let stream = try pending(
            { stream in
                try stream.request(
                    query: [.init("a", "12"), .init("name", "first"), .init("name", "second"), .init("cut", "a\0b")],
                    headers: [.init("X-Asked", "one"), .init("Accept", "*/*"), .init("x-asked", "two")], method: "POST",
                    lastEventID: "41", body: Array("a body".utf8))
            },
            configuration: [
                "pending": ["root": "/srv", "depth": "1"], "answers-as-told/pending": ["depth": "2"],
            ])
        let handle = stream.token.handle
        #expect(text(host.parameter(handle, "a")) == "12")
        #expect(host.parameter(handle, "b") == nil)
        #expect(host.parameter(handle, "none") == nil)
        #expect(text(host.query(handle, "name")) == "first")
        #expect(host.query(handle, "none") == nil)
        // C would see a different value from the one that was sent.
        #expect(host.query(handle, "cut") == nil)
        #expect(text(host.header(handle, "X-ASKED")) == "one, two")
        #expect(host.header(handle, "none") == nil)
        #expect(text(host.path(handle)) == "/the/path")
        #expect(text(host.method(handle)) == "POST")
        #expect(text(host.remote_address(handle)) == "192.0.2.7")
        #expect(text(host.last_event_id(handle)) == "41")
        #expect(text(host.config(handle, "root")) == "/srv")
        #expect(text(host.config(handle, "depth")) == "2")
        #expect(host.config(handle, "none") == nil)
        var length = 99
        #expect(host.saved(handle, &length) == nil && length == 0)
        let body = try #require(host.body(handle, &length))
        #expect(String(decoding: UnsafeRawBufferPointer(start: body, count: length), as: UTF8.self) == "a body")
        // Equal calls return the same memory. Otherwise, a plugin with many calls would use it up.
        #expect(host.query(handle, "name") == host.query(handle, "name"))
        finish(stream)
    }

    @Test("a request without an id, a body or a value lends none")
    func absent() throws {
        let stream = try pending()
        var length = 99
        #expect(host.last_event_id(stream.token.handle) == nil)
        #expect(host.body(stream.token.handle, &length) == nil && length == 0)
        #expect(host.parameter(stream.token.handle, nil) == nil)
        #expect(text(host.parameter(stream.token.handle, "a")) == "7")
        finish(stream)
    }

    @Test("plugins that are already loaded read a new configuration")
    func reconfigured() throws {
        let loader = PluginLoader(logger: RecordedLog.logger("reconfigured"))
        let plugin = try loader.load(fixturePlugin("AnswersAsTold"))
        for value in ["one", "two"] {
            loader.configure(.init(configuration: ["pending": ["colour": value]]))
            let stream = try HandDrivenStream(plugin, "pending")
            _ = try stream.open()
            #expect(text(host.config(stream.token.handle, "colour")) == value)
            FakeRuntime.shared.change(stream.token) { $0.isOpenPending = true }
            finish(stream)
        }
    }

    @Test("a pending open is answered once, including everything that was set before")
    func opened() throws {
        let stream = try pending(log: "opened")
        let handle = stream.token.handle
        #expect(host.set_header(handle, "X-Late", "yes"))
        host.opened(handle, Int32(SLUICE_OPEN_OK))
        #expect(StreamMaps.opening[stream.token] == nil)
        host.opened(handle, Int32(SLUICE_OPEN_END))
        #expect(FakeRuntime.shared.look(stream.token)?.openAnswers.map(\.text) == ["opened X-Late=yes"])
        #expect(host.path(handle) == nil)
        #expect(!host.set_header(handle, "X-Later", "yes"))
        let warnings = RecordedLog.lines("stream", "\(stream.token)").map(\.text)
        #expect(
            warnings == [
                "host->opened was called after open had answered", "host->path was called after open had answered",
                "host->set_header was called after open had answered",
            ])
        finish(stream)
    }

    @Test(
        "later answers have the same meaning as those of open",
        arguments: [
            (Int32(SLUICE_OPEN_END), "ended"), (Int32(SLUICE_OPEN_REJECT), "rejected 410 gone for good"),
            (Int32(SLUICE_OPEN_PENDING), "failed open answered 3, which is not one of SLUICE_OPEN_…"),
            (-1, "failed open answered -1, which is not one of SLUICE_OPEN_…"),
        ])
    func laterAnswers(status: Int32, outcome: String) throws {
        let stream = try pending()
        host.reject(stream.token.handle, 410, "gone for good")
        host.opened(stream.token.handle, status)
        #expect(FakeRuntime.shared.look(stream.token)?.openAnswers.map(\.text) == [outcome])
        stream.state.pointer?.deallocate()
    }

    @Test("a handle of a stream that has ended does nothing, reports it, and is logged")
    func stale() throws {
        let plugin = try loadFixture("AnswersAsTold", log: "stale")
        let token = FakeRuntime.shared.begin(plugin.producers[0])
        FakeRuntime.shared.end(token)
        for handle in [token.handle, nil] {
            var event = sluice_event.reset
            host.wake(handle)
            #expect(host.emit(handle, &event) == Int32(SLUICE_EMIT_CLOSED))
            #expect(!host.sleep(handle, 10))
            #expect(host.is_cancelled(handle))
            #expect(host.parameter(handle, "a") == nil)
            #expect(host.path(handle) == nil)
            #expect(host.body(handle, nil) == nil)
            #expect(host.identity(handle) == nil && host.claim(handle, "sub") == nil)
            host.reject(handle, 400, "late")
            host.fail(handle, "late")
            #expect(!host.set_header(handle, "X-A", "b"))
            host.opened(handle, 0)
            host.closed(handle)
            #expect(!host.schedule(handle, 0, nothing, nil))
            #expect(host.saved(handle, nil) == nil)
            #expect(!host.save(handle, nil, 0))
            #expect(host.bind(handle, "()", nil, nil) == nil)
            #expect(host.callback(handle, "()") == nil)
        }
        #expect(StreamMaps.failure[token] == nil)
        let lines = RecordedLog.lines("stream", "\(token)")
        #expect(
            lines.contains {
                $0.text.hasPrefix("host->wake was called for a stream that is over") && $0.level == .warning
            })
    }

    @Test("calls for running streams reach the runtime")
    func running() throws {
        let stream = HandDrivenStream(try loadFixture("NextAsTold").producers[0])
        let handle = stream.token.handle
        host.wake(handle)
        host.wake(handle)
        #expect(host.schedule(handle, -5, nothing, nil))
        #expect(host.schedule(handle, 1_000_000, nothing, nil))
        #expect(!host.schedule(handle, 0, nil, nil))
        FakeRuntime.shared.change(stream.token) { $0.sleepAnswer = true }
        #expect(host.sleep(handle, 250))
        FakeRuntime.shared.change(stream.token) { $0.sleepAnswer = false }
        #expect(!host.sleep(handle, -1))
        FakeRuntime.shared.change(stream.token) { $0.sleepAnswer = nil }
        #expect(host.sleep(handle, 1))
        #expect(!host.is_cancelled(handle))
        FakeRuntime.shared.change(stream.token) { $0.isCancelled = true }
        #expect(host.is_cancelled(handle))
        #expect(!host.sleep(handle, 1))
        let seen = try #require(FakeRuntime.shared.look(stream.token))
        #expect(seen.wakes == 2)
        #expect(seen.scheduled == [0, 1_000_000])
        #expect(seen.slept == [250, 0, 1, 1])
    }

    @Test("closed is passed on, and logged if nothing is closing")
    func closed() throws {
        let stream = HandDrivenStream(try loadFixture("AnswersAsTold").producers[0])
        FakeRuntime.shared.change(stream.token) { $0.isClosing = true }
        host.closed(stream.token.handle)
        #expect(RecordedLog.lines("stream", "\(stream.token)").isEmpty)
        host.closed(stream.token.handle)
        #expect(FakeRuntime.shared.look(stream.token)?.closes == 2)
        #expect(
            RecordedLog.lines("stream", "\(stream.token)").map(\.text)
                == ["host->closed was called for a stream whose close is not in progress"])
    }

    @Test("emit encodes into the stream's queue, and rejects events that break a rule")
    func emit() throws {
        let stream = HandDrivenStream(try loadFixture("NextAsTold", log: "emit").producers[0])
        let handle = stream.token.handle
        func emit(_ data: String?, size: UInt32 = 88, id: String? = nil) -> Int32 {
            withOptionalCString(data) { data in
                withOptionalCString(id) { id in
                    var event = sluice_event.reset
                    event.struct_size = size
                    event.data = data
                    event.id = id
                    return host.emit(handle, &event)
                }
            }
        }
        #expect(emit("one\ntwo", id: "1") == Int32(SLUICE_EMIT_OK))
        // An older header's event ends before its id.
        #expect(emit("three", size: 40, id: "not read") == Int32(SLUICE_EMIT_OK))
        #expect(emit("x", id: "1\n2") == Int32(SLUICE_EMIT_INVALID))
        #expect(emit("x", id: String(repeating: "i", count: 1025)) == Int32(SLUICE_EMIT_INVALID))
        #expect(emit("x", size: 0) == Int32(SLUICE_EMIT_INVALID))
        #expect(host.emit(handle, nil) == Int32(SLUICE_EMIT_INVALID))
        FakeRuntime.shared.change(stream.token) { $0.isQueueFull = true }
        #expect(emit("x") == Int32(SLUICE_EMIT_FULL))
        // The stream is about to be closed, which the plugin can't know, so this is not logged.
        FakeRuntime.shared.change(stream.token) { $0.isCancelled = true }
        #expect(emit("x") == Int32(SLUICE_EMIT_CLOSED))
        #expect(
            FakeRuntime.shared.look(stream.token)?.emitted
                == ["id: 1\ndata: one\ndata: two\n\n", "data: three\n\n"])
        #expect(
            RecordedLog.lines("stream", "\(stream.token)").map(\.text) == [
                "host->emit was given an event in which id contains a newline",
                "host->emit was given an event in which id is longer than 1024 bytes",
                "host->emit was given an event without sluice_event_init",
                "host->emit was given an event without sluice_event_init",
            ])
    }

    @Test("a line of the log contains plugin, producer and stream, and is one line")
    func log() throws {
        let stream = HandDrivenStream(try loadFixture("NextAsTold", log: "log").producers[0])
        for (level, expected) in [
            (Int32(SLUICE_LOG_DEBUG), Logger.Level.debug), (Int32(SLUICE_LOG_INFO), .info),
            (Int32(SLUICE_LOG_WARNING), .warning), (Int32(SLUICE_LOG_ERROR), .error), (99, .error), (-99, .debug),
        ] {
            host.log(stream.token.handle, level, "level \(level)\r\nis \u{1b}[31mred")
            let line = try #require(RecordedLog.lines("stream", "\(stream.token)").last)
            #expect(line.text == "level \(level)  is  [31mred")
            #expect(line.level == expected)
            #expect(line.metadata["plugin"] == "next-as-told")
            #expect(line.metadata["producer"] == "nonsense")
        }
        let long = String(repeating: "x", count: 100_000)
        host.log(stream.token.handle, 1, long)
        #expect(RecordedLog.lines("stream", "\(stream.token)").last?.text.utf8.count == PluginText.messageBytesMax)
        let invalid: [CChar] = [0x61, -1, 0]
        host.log(stream.token.handle, 1, invalid)
        #expect(RecordedLog.lines("stream", "\(stream.token)").last?.text == "a\u{FFFD}")
    }

    private func withOptionalCString<Answer>(
        _ text: String?, _ body: (UnsafePointer<CChar>?) -> Answer
    ) -> Answer {
        guard let text else { return body(nil) }
        return text.withCString { body($0) }
    }
}
