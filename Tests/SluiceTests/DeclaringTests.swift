import CSluice
import TestSupport
import Testing

@testable import Sluice

private enum Side: String, CaseIterable, ParameterValue { case buy, sell }

/// A number type defined by a plugin's author.
private struct Percent: ParameterNumber, LosslessStringConvertible {
    static let signatureType = "f64"
    static let placeholder = Percent(0)
    let value: Double

    init(_ value: Double) { self.value = value }

    init?(_ text: String) {
        guard let value = Double(text) else { return nil }
        self.value = value
    }

    var description: String { "\(value)" }
}

private struct OwnNumber: PollingProducer {
    @Parameter(max: Percent(100)) var volume = Percent(50)
    @Parameter(min: Percent(-1)) var least: Percent
    mutating func next() -> Step { .event(MessageEvent("\(volume) \(least)")) }
}

private struct AllParameters: PollingProducer {
    static let name = "all"
    static let route = "/all/{symbol}"
    static let summary = "Takes everything"
    static let options: ProducerOptions = [.shared, .resumable, .blocking]

    @Parameter var symbol: String
    @Parameter var flag = true
    @Parameter(max: 10) var small: Int32 = -1
    @Parameter(min: 0, max: 1) var ratio: Float
    @Parameter("wide_not") var wide = 5
    @Parameter var text = "a \"b\"\\\n"
    @Parameter var note: String?
    @Parameter var side = Side.sell
    @Parameter var big: UInt64 = 1 << 63
    var count = 0

    mutating func next() -> Step {
        count += 1
        return switch count {
        case 1:
            .event(
                MessageEvent(
                    "\(symbol) \(flag) \(small) \(ratio) \(wide) \(note ?? "-") \(side) \(big) \(text)", type: "t",
                    id: "",
                    retry: .seconds(2), comment: "c"),
                then: .milliseconds(250))
        case 2: .wait(.nanoseconds(1))
        case 3: .waitUntilWoken
        default: .end
        }
    }
}

private struct ThrowsUnlooked: Producer {
    @Parameter var limit = 1
    init() throws { throw Finished() }
    func events(for request: Request) -> AsyncStream<MessageEvent> { AsyncStream { nil } }
}

private struct ThrowsWithNames: Producer {
    @Parameter("limit") var limit = 1
    init() throws { throw Reject(status: 403, message: "never") }
    func events(for request: Request) -> AsyncStream<MessageEvent> { AsyncStream { nil } }
}

private struct HTTPFeedV2: Producer {
    func events(for request: Request) -> AsyncStream<MessageEvent> {
        let line = [
            request.path, request.method, request.remoteAddress ?? "nobody", request.lastEventID ?? "-",
            String(decoding: request.body, as: UTF8.self), request.query("q") ?? "-", request.config("k") ?? "-",
        ]
        return AsyncStream { MessageEvent(line.joined(separator: " ")) }
    }
}

private struct Remembers: PollingProducer, Restorable {
    struct Saved: Codable { var count: Int }
    static let options: ProducerOptions = [.resumable]
    var count = 0

    func save() -> Saved? { count > 0 ? Saved(count: count) : nil }
    mutating func restore(_ saved: Saved) { count = saved.count }
    mutating func next() -> Step {
        count += 1
        return .event(MessageEvent("\(count)"))
    }
}

extension PluginTests {
    @Suite("Declaring producers")
    struct DeclaringTests {
        let host = FakeHost.reset()

        @Test("a producer's descriptor equals its type's declaration")
        func descriptor() throws {
            let plugin = try #require(
                export(AllParameters.self, HTTPFeedV2.self, plugin: "both", version: "1.2", to: FakeHost.table))
            #expect(String(cString: plugin.pointee.name) == "both")
            #expect(String(cString: plugin.pointee.version) == "1.2")
            #expect(plugin.pointee.producer_count == 2)
            let first = try #require(plugin.pointee.producers[0]).pointee
            #expect(String(cString: first.name) == "all")
            #expect(String(cString: first.route) == "/all/{symbol}")
            #expect(String(cString: first.description) == "Takes everything")
            #expect(
                String(cString: first.parameters)
                    == #"symbol: str, flag: bool = true, small: i32 in ...10 = -1, ratio: f32 in 0.0...1.0, wide_not: i64 = 5, text: str = "a \"b\"\\\n", "#
                    + #"note: str?, side: str = "sell", big: u64 = 9223372036854775808"#)
            #expect(first.flags == UInt32(SLUICE_SHARED) | UInt32(SLUICE_RESUMABLE) | UInt32(SLUICE_PLAIN_OPEN))
            #expect(first.save == nil)
            let second = try #require(plugin.pointee.producers[1]).pointee
            #expect(String(cString: second.name) == "http-feed-v2")
            #expect(String(cString: second.route) == "/http-feed-v2")
            #expect(second.flags == UInt32(SLUICE_NONBLOCKING) | UInt32(SLUICE_PLAIN_OPEN))
        }

        private static let given = [
            "symbol": "ACME", "flag": "0", "small": "10", "ratio": "0.5", "wide_not": "-7", "text": "x", "side": "buy",
            "big": "18446744073709551615",
        ]

        @Test("values reach their properties, and events reach the server, with all their fields")
        func values() throws {
            let stream = try DrivenStream(AllParameters.self, on: host, parameters: Self.given)
            #expect(
                stream.next()
                    == .event(
                        MessageEvent(
                            "ACME false 10 0.5 -7 - buy 18446744073709551615 x", type: "t", id: "", retry: .seconds(2),
                            comment: "c"), wait: 250))
            #expect(stream.next() == .wait(1))
            #expect(stream.next() == .wait(-1))
            #expect(stream.next() == .end)
            #expect(stream.close(.completed))
        }

        @Test("a number type of the author's has bounds, too")
        func ownNumber() throws {
            let stream = try DrivenStream(OwnNumber.self, on: host, parameters: ["volume": "2.5", "least": "0"])
            #expect(
                String(cString: stream.declaration.parameters)
                    == "volume: f64 in ...100.0 = 50.0, least: f64 in -1.0...")
            #expect(stream.next() == .event("2.5 0.0", wait: 0))
            #expect(stream.close())
        }

        @Test("a value that only its enumeration can reject is refused with what was expected")
        func enumeration() throws {
            let stream = try DrivenStream(
                AllParameters.self, on: host, parameters: Self.given.merging(["side": "hold"]) { $1 })
            #expect(stream.answer == Int32(SLUICE_OPEN_REJECT))
            #expect(stream.said.rejection?.0 == 400)
            #expect(stream.said.rejection?.1 == "side: expected one of buy, sell, not 'hold'")
        }

        @Test("an init that throws rejects the request; if it hides the parameters' names, the plugin is refused")
        func throwingInit() throws {
            let stream = try DrivenStream(ThrowsWithNames.self, on: host)
            #expect(stream.answer == Int32(SLUICE_OPEN_REJECT))
            #expect(stream.said.rejection?.0 == 403)
            #expect(export(ThrowsUnlooked.self, to: FakeHost.table) == nil)
            #expect(host.lines.contains { $0.contains("ThrowsUnlooked throws when it is called without a request") })
        }

        @Test("a server that is too old for this library gets an error")
        func oldServer() {
            var old = FakeHost.table.pointee
            old.struct_size = UInt32(MemoryLayout<sluice_host>.offset(of: \.producer)!)
            #expect(export(HTTPFeedV2.self, to: &old) == nil)
            #expect(host.lines.contains { $0.contains("needs a newer server") })
        }

        @Test("the request")
        func request() throws {
            let stream = try DrivenStream(HTTPFeedV2.self, on: host)
            #expect(stream.next() == .event("/path POST nobody 7 hi query of q config of k", wait: -1))
            #expect(stream.close())
        }

        @Test("one build restores what another one saved; if it can't read that, it refuses the stream")
        func restorable() throws {
            let old = try DrivenStream(Remembers.self, on: host)
            #expect(old.next() == .event("1", wait: 0))
            #expect(old.next() == .event("2", wait: 0))
            old.declaration.save(old.state, OpaquePointer(bitPattern: old.handle))
            let kept = try #require(old.said.kept)
            #expect(old.close(.reloaded))
            let new = try DrivenStream(Remembers.self, on: host, saved: kept)
            #expect(new.next() == .event("3", wait: 0))
            #expect(new.close())
            let garbled = try DrivenStream(Remembers.self, on: host, saved: Array("{}".utf8))
            #expect(garbled.answer == Int32(SLUICE_OPEN_REJECT))
        }

        @Test("events from JSON, from bytes, from literals")
        func events() throws {
            #expect(
                try MessageEvent(json: ["b": "/", "a": "é"], id: "1") == MessageEvent(#"{"a":"é","b":"/"}"#, id: "1"))
            #expect(throws: EncodingError.self) { try MessageEvent(json: [Double.infinity]) }
            #expect(try MessageEvent(utf8: [104, 105]) == "hi")
            #expect(throws: MessageEvent.InvalidText.self) { try MessageEvent(utf8: [0xff]) }
        }

        @Test(
            "names of producers",
            arguments: [
                ("Hello", "hello"), ("TokenStream", "token-stream"), ("LLMTokens", "llm-tokens"), ("A", "a"),
                ("Feed2", "feed2"),
            ])
        func names(type: String, name: String) {
            #expect(kebabCase(type) == name)
        }
    }
}
