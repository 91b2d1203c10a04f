import TestSupport
import Testing

@testable import EventStream

@Suite("Encoder against parser")
struct RoundTripTests {
    @Test("the parser returns what the encoder accepts, in pieces of any size, and only invalid events are rejected")
    func roundTrip() {
        var random = SeededRandom.fromEnvironment(test: "round trip")
        var accepted = 0
        var refused = 0
        for _ in 0..<500 {
            var frames = FrameBuffer(capacity: 64)
            var expected: [Event] = []
            for _ in 0..<20 {
                let fields = RandomFields(&random)
                let length = frames.count
                let fault = fields.encode(into: &frames)
                #expect((fault == nil) == (fields.onTheWire != nil), "\(String(describing: fault)): \(fields)")
                if let fault {
                    #expect(frames.count == length, "\(fault)")
                    refused += 1
                } else if let event = fields.onTheWire {
                    expected.append(event)
                    accepted += 1
                }
            }
            #expect(frames.frameCount == expected.count)
            #expect(parse(Array(frames.bytes), &random) == expected)
        }
        #expect(accepted > 5000)
        #expect(refused > 500)
    }

    private func parse(_ bytes: [UInt8], _ random: inout SeededRandom) -> [Event] {
        var parser = EventParser(reporting: .blocks)
        var events: [Event] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...(Bool.random(using: &random) ? 3 : 200), using: &random))
            events += parser.feed(piece)
            rest = rest.dropFirst(piece.count)
        }
        return events
    }
}
