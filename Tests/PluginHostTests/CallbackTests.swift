import CSluice
import EventStream
import ForeignFunction
import Foundation
import ProducerInterface
import Testing

@testable import PluginHost

/// `host->callback`: C functions each call of which is an event.
@Suite("Callbacks")
struct CallbackTests {
    @Test("each call becomes an event with its named arguments")
    func named() throws {
        let stream = try BridgedStream("callback-named")
        typealias Hook = @convention(c) (Int32, UnsafeRawPointer?, UnsafePointer<CChar>?, Int64) -> Void
        let hook = try stream.callback("op: i32, _: ptr, table: str, rowid: i64", as: Hook.self)
        hook(18, UnsafeRawPointer(bitPattern: 1), "users", 7)
        hook(-1, nil, nil, .min)
        #expect(
            stream.events().map(\.data) == [
                #"{"op":18,"table":"users","rowid":7}"#, #"{"op":-1,"table":null,"rowid":-9223372036854775808}"#,
            ])
        #expect(stream.lines.isEmpty)
    }

    @Test("whole numbers keep all of their digits, and their sign")
    func wholeNumbers() throws {
        let stream = try BridgedStream("callback-whole")
        typealias Hook = @convention(c) (Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64, Bool) -> Void
        let hook = try stream.callback(
            "a: i8, b: u8, c: i16, d: u16, e: i32, f: u32, g: i64, h: u64, i: bool", as: Hook.self)
        hook(.min, .max, .min, .max, .min, .max, .min, .max, true)
        hook(.max, 0, .max, 0, .max, 0, .max, 10, false)
        #expect(
            stream.events().map(\.data) == [
                #"{"a":-128,"b":255,"c":-32768,"d":65535,"e":-2147483648,"f":4294967295,"g":-9223372036854775808,"h":18446744073709551615,"i":true}"#,
                #"{"a":127,"b":0,"c":32767,"d":0,"e":2147483647,"f":0,"g":9223372036854775807,"h":10,"i":false}"#,
            ])
    }

    @Test("numbers that are not finite are null; the others read back as the same")
    func numbers() throws {
        let stream = try BridgedStream("callback-numbers")
        let hook = try stream.callback(
            "single: f32, double: f64", as: (@convention(c) (Float, Double) -> Void).self)
        let singles: [Float] = [0.1, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 16_777_216, 1e-7]
        let doubles = [0.1, -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 9_007_199_254_740_992, 1 / 3]
        for (single, double) in zip(singles, doubles) { hook(single, double) }
        let events = stream.events()
        #expect(events.count == singles.count)
        for event in zip(events, zip(singles, doubles)) {
            let data = try #require(event.0.data)
            struct Numbers: Decodable { let single: Float, double: Double }
            let numbers = try JSONDecoder().decode(Numbers.self, from: Data(data.utf8))
            #expect(numbers.single.bitPattern == event.1.0.bitPattern, "\(data)")
            #expect(numbers.double.bitPattern == event.1.1.bitPattern, "\(data)")
        }
        hook(.nan, .infinity)
        hook(-.infinity, .nan)
        #expect(stream.events().map(\.data) == [String](repeating: #"{"single":null,"double":null}"#, count: 2))
    }

    @Test("a text of any bytes is valid JSON on one line, and says the same")
    func texts() throws {
        let stream = try BridgedStream("callback-texts")
        let hook = try stream.callback("text: str", as: (@convention(c) (UnsafePointer<UInt8>?) -> Void).self)
        var texts: [[UInt8]] = (1...255).map { [$0] } + (1...255).map { [0x61, $0, 0x62] }
        texts += [Array(1...255), [], Array("grüße 🙂 </script> \u{2028}".utf8)]
        texts += [
            [0xE2, 0x82], [0xE2, 0x82, 0x41], [0xF0, 0x9F, 0x99], [0xED, 0xA0, 0x80], [0xC0, 0xAF],
            [0xF4, 0x90, 0x80, 0x80],
        ]
        for text in texts { hook(text + [0]) }
        var frames: [String] = []
        FakeRuntime.shared.change(stream.token) { frames = $0.emitted }
        #expect(frames.count == texts.count)
        for (frame, text) in zip(frames, texts) {
            #expect(frame.hasPrefix("data: {\"text\":\"") && frame.hasSuffix("\"}\n\n"))
            #expect(frame.utf8.count { $0 == 0x0A || $0 == 0x0D } == 2)
            #expect(!frame.contains("<"))
            let parsed = try JSONDecoder().decode([String: String].self, from: Data(frame.utf8.dropFirst(6)))
            #expect(parsed["text"] == String(decoding: text, as: UTF8.self), "\(text)")
        }
    }

    @Test("a pointer is a hexadecimal text, or null")
    func pointers() throws {
        let stream = try BridgedStream("callback-pointers")
        let hook = try stream.callback(
            "at: ptr", as: (@convention(c) (UnsafeRawPointer?) -> Void).self)
        hook(nil)
        hook(UnsafeRawPointer(bitPattern: 0xF0))
        hook(UnsafeRawPointer(bitPattern: UInt.max))
        #expect(
            stream.events().map(\.data) == [#"{"at":null}"#, #"{"at":"0xf0"}"#, #"{"at":"0xffffffffffffffff"}"#])
    }

    @Test("@type and @id are the event's own, made fit for one line; NULL is none")
    func typeAndID() throws {
        let stream = try BridgedStream("callback-type-id")
        typealias Hook = @convention(c) (UnsafePointer<CChar>?, UnsafePointer<CChar>?, Int32) -> Void
        let hook = try stream.callback("@type: str, @id: str, n: i32", as: Hook.self)
        hook("row", "17", 1)
        hook("a\r\nb", "x\ny", 2)
        hook(nil, nil, 3)
        hook("", "", 4)
        hook("sluice", "sluice-end", 5)
        let longest = String(repeating: "i", count: 1024)
        hook(nil, longest, 6)
        hook(nil, longest + "i", 7)
        var frames: [String] = []
        FakeRuntime.shared.change(stream.token) { frames = $0.emitted }
        #expect(
            frames == [
                "event: row\nid: 17\ndata: {\"n\":1}\n\n", "event: a  b\nid: x y\ndata: {\"n\":2}\n\n",
                "data: {\"n\":3}\n\n", "event: \nid: \ndata: {\"n\":4}\n\n", "event: sluice\ndata: {\"n\":5}\n\n",
                "id: \(longest)\ndata: {\"n\":6}\n\n", "data: {\"n\":7}\n\n",
            ])
    }

    @Test("@id may be a number, and the type that of all events")
    func numericID() throws {
        let stream = try BridgedStream("callback-numeric-id")
        let hook = try stream.callback(
            "@id: u64, @type: f64", as: (@convention(c) (UInt64, Double) -> Void).self)
        hook(.max, .nan)
        let constant = try stream.callback("@id: i8; type=row", as: (@convention(c) (Int8) -> Void).self)
        constant(-5)
        #expect(
            FakeRuntime.shared.look(stream.token)?.emitted == [
                "id: 18446744073709551615\ndata: {}\n\n", "event: row\nid: -5\ndata: {}\n\n",
            ])
    }

    @Test("a result is zero, whatever its type")
    func results() throws {
        let stream = try BridgedStream("callback-results")
        #expect(try stream.callback("-> i32", as: (@convention(c) () -> Int32).self)() == 0)
        #expect(try stream.callback("a: f64 -> f64", as: (@convention(c) (Double) -> Double).self)(3) == 0)
        #expect(try stream.callback("-> ptr", as: (@convention(c) () -> UnsafeRawPointer?).self)() == nil)
        #expect(try stream.callback("-> bool", as: (@convention(c) () -> Bool).self)() == false)
        #expect(stream.events().map(\.data) == ["{}", #"{"a":3.0}"#, "{}", "{}"])
    }

    @Test("an event that is too long is not sent, is counted, and leaves no byte behind")
    func tooLong() throws {
        let settings = PluginLoader.Settings(encoder: EventEncoder(maximumEventBytes: 100))
        let stream = try BridgedStream("callback-too-long", settings: settings)
        typealias Hook = @convention(c) (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Void
        let hook = try stream.callback("a: str, b: str", as: Hook.self)
        let long = String(repeating: "x", count: 60)
        hook(long, "")
        hook(long, long)
        hook(String(repeating: "\u{1}", count: 30), nil)
        hook(String(repeating: "x", count: 1 << 20), long)
        #expect(stream.events().map(\.data) == [#"{"a":"\#(long)","b":""}"#])
        #expect(
            stream.lines == [
                "a callback's event was not sent: the event's data, type, id and comment are longer than 100 bytes (1 such events so far)"
            ])
    }

    @Test("a full queue is dealt with as the signature says, and what is dropped is counted and logged")
    func policies() throws {
        let stream = try BridgedStream("callback-policies")
        typealias Hook = @convention(c) (Int32) -> Void
        let newest = try stream.callback("n: i32", as: Hook.self)
        let explicit = try stream.callback("n: i32; full=drop-newest", as: Hook.self)
        let oldest = try stream.callback("n: i32; full=drop-oldest", as: Hook.self)
        let failing = try stream.callback("n: i32; full=fail", as: Hook.self)
        newest(1)
        newest(2)
        FakeRuntime.shared.change(stream.token) { $0.isQueueFull = true }
        newest(3)
        explicit(4)
        oldest(5)
        failing(6)
        #expect(stream.events().map(\.data) == [#"{"n":2}"#, #"{"n":5}"#])
        let overflows = try #require(FakeRuntime.shared.look(stream.token)?.overflows)
        #expect(overflows.prefix(3) == [.dropNewest, .dropNewest, .dropOldest])
        guard case .fail(let failure)? = overflows.last else { return #expect(Bool(false), "\(overflows)") }
        #expect(failure.message == "events came faster than they could be sent")
        #expect(stream.callbacks.counts.dropped == 4)
        #expect(
            stream.lines == [
                "a callback found its stream's queue full, and dropped the newest event (1 dropped so far)"
            ])
    }

    @Test(
        "a signature that says nothing about events is refused with its place",
        arguments: [
            ("@time: i64", "there is no '@time'; an event has '@type' and '@id'", 1),
            ("a: i32, @data: str", "there is no '@data'; an event has '@type' and '@id'", 9),
            ("a: i32; full=wait", "there is no policy 'wait'; full is drop-newest, drop-oldest or fail", 14),
            ("a: i32; retry=3", "there is no option 'retry'; the options are full and type", 9),
            ("@type: str; type=x", "the type is already given by the argument '@type'", 13),
            ("a: int", "there is no type 'int'; the types are bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 str ptr", 4),
        ])
    func malformed(text: String, message: String, column: Int) {
        let error = SignatureError(message: message, offset: column - 1, text: text)
        #expect(throws: error) { try EventSignature(parsing: text) }
    }
}
