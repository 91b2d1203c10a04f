import Testing

@testable import EventStream

@Suite("Encoding faults")
struct EncodingFaultTests {
    typealias Field = EncodingFault.Field

    @Test("a newline in id or type is refused wherever it is", arguments: [Field.id, .type], ["\n", "\r", "\r\n"])
    func newline(field: Field, end: String) {
        for place in 0...40 {
            let text = String(repeating: "x", count: place) + end + "data: injected"
            #expect(throws: EncodingFault.newline(field)) { try encode(Array(text.utf8), as: field) }
        }
    }

    @Test("a NUL in id or type is refused wherever it is", arguments: [Field.id, .type])
    func nul(field: Field) {
        for place in 0...40 {
            for rest in [0, 1, 17] {
                let text = String(repeating: "x", count: place) + "\0" + String(repeating: "y", count: rest)
                #expect(throws: EncodingFault.nul(field)) { try encode(Array(text.utf8), as: field) }
            }
        }
    }

    static let illFormed: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x20], [0xC3, 0xC3], [0xE0, 0x80, 0x80],
        [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xE1, 0x80, 0x20], [0xE1, 0x20, 0x80], [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF],
        [0xEF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x8C], [0xF1, 0x80, 0x80, 0xC0],
        [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80], [0xFE], [0xFF],
    ]

    @Test("ill-formed UTF-8 is refused in every field and at every place", arguments: illFormed, Field.allCases)
    func illFormedAnywhere(bytes: [UInt8], field: Field) {
        for place in 0...20 {
            for rest in [0, 1, 20] {
                let text = Array(repeating: UInt8(ascii: "a"), count: place) + bytes
                let whole = text + Array(repeating: UInt8(ascii: "b"), count: rest)
                #expect(throws: EncodingFault.invalidUTF8(field, offset: place)) { try encode(whole, as: field) }
            }
        }
    }

    @Test("exactly those sequences are accepted that decode")
    func allShortSequences() {
        // Of so many, only what is wrong is told to the test: an expectation costs more than what it expects.
        var wrong: [[UInt8]] = []
        for first in UInt8(0x80)...0xFF {
            for second in UInt8.min...UInt8.max where second != 0x0A && second != 0x0D {
                for rest in [[], [0x80], [0xBF], [0x80, 0x80], [0xBF, 0xBF]] as [[UInt8]] {
                    let bytes = [first, second] + rest
                    let isValid = String(validating: bytes, as: UTF8.self) != nil
                    let encoded = try? encode(bytes, as: .data)
                    if (encoded != nil) != isValid { wrong.append(bytes) }
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test("the id of a finished stream is the host's own")
    func reserved() throws {
        #expect(throws: EncodingFault.reservedID) { try encode(Event(data: "x", id: "sluice-end")) }
        for id in ["sluice-en", "sluice-ends", "Sluice-end"] {
            #expect(try encode(Event(id: id)) == Array("id: \(id)\n\n".utf8))
        }
    }

    @Test("an id of 1024 bytes is the longest that is accepted")
    func longID() throws {
        let id = String(repeating: "é", count: 512)
        #expect(try encode(Event(id: id)) == Array("id: \(id)\n\n".utf8))
        #expect(throws: EncodingFault.idTooLong) { try encode(Event(data: "x", id: id + "x")) }
        // Whatever else is wrong with it: as much as an event may have is not looked through for that.
        #expect(throws: EncodingFault.idTooLong) { try encode(Event(data: "x", id: id + "\n")) }
    }

    @Test("an event without any field is refused")
    func empty() {
        #expect(throws: EncodingFault.empty) { try encode(Event()) }
        #expect(throws: EncodingFault.empty) { try encode(Event(retryMilliseconds: -1)) }
    }

    @Test("the limit holds for all text together, to the byte")
    func limit() throws {
        let encoder = EventEncoder(maximumEventBytes: 20)
        let full = Event(data: "12345", type: "12345", id: "12345", comment: "12345", retryMilliseconds: 123_456)
        #expect(try encode(full, with: encoder).isEmpty == false)
        for longer: WritableKeyPath<Event, String?> in [\.data, \.type, \.id, \.comment] {
            var event = full
            event[keyPath: longer] = "123456"
            #expect(throws: EncodingFault.tooLong(limit: 20)) { try encode(event, with: encoder) }
        }
        #expect(try encode(Event(data: ""), with: EventEncoder(maximumEventBytes: 0)) == Array("data: \n\n".utf8))
    }

    @Test("the default limit is 1 MiB")
    func defaultLimit() throws {
        let text = [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        #expect(try encode(text, as: .data).count == 7 * (text.count + 1) + 1)
        #expect(throws: EncodingFault.tooLong(limit: 1 << 20)) { try encode(text + [0x20], as: .data) }
    }

    @Test("after a fault the buffer is as it was")
    func rollback() throws {
        let long = String(repeating: "long ", count: 100)
        let refused = [
            Event(data: long, type: "t", id: "a\nb"), Event(data: long, type: "a\0b"), Event(),
            Event(data: long, id: "sluice-end", comment: long), Event(data: long, id: long + long + long),
            Event(data: String(repeating: "x", count: 2000)),
        ]
        let encoder = EventEncoder(maximumEventBytes: 1500)
        var frames = FrameBuffer(capacity: 16)
        try encoder.encode(Event(data: "kept"), into: &frames)
        for event in refused {
            var fault: EncodingFault?
            do throws(EncodingFault) {
                try encoder.encode(event, into: &frames)
            } catch {
                fault = error
            }
            #expect(fault != nil)
            #expect(frames.frameCount == 1)
            #expect(Array(frames.bytes) == Array("data: kept\n\n".utf8))
        }
        try encoder.encode(Event(data: "goes on"), into: &frames)
        #expect(Array(frames.bytes) == Array("data: kept\n\ndata: goes on\n\n".utf8))
    }

    @Test(
        "a fault is described by its rule",
        arguments: [
            (.empty, "the event has no fields"),
            (.newline(.id), "id contains a newline"),
            (.nul(.type), "type contains a NUL"),
            (.invalidUTF8(.data, offset: 7), "data is not valid UTF-8 at byte 7"),
            (.reservedID, "id is \"sluice-end\", which is reserved for the host"),
            (.idTooLong, "id is longer than 1024 bytes"),
            (.tooLong(limit: 1024), "the event's data, type, id and comment are longer than 1024 bytes"),
        ] as [(EncodingFault, String)])
    func description(fault: EncodingFault, text: String) {
        #expect(fault.description == text)
    }
}
