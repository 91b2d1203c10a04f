import EventStream

/// Prints the cost of encoding one event.
@main
enum EncoderBenchmark {
    static func main() {
        let ascii = String(repeating: "x", count: 120)
        measure("17 bytes of data", Event(data: "{\"hello\":\"world\"}"))
        measure("120 bytes of data", Event(data: ascii))
        measure("120 bytes of data, type and id", Event(data: ascii, type: "trade", id: "1234567"))
        measure("120 bytes of data in 7 lines", Event(data: String(repeating: "nineteen bytes long\n", count: 6)))
        measure("108 bytes of Cyrillic data", Event(data: String(repeating: "слово ещё раз и", count: 4)))
        measure("4096 bytes of data", Event(data: String(repeating: "y", count: 4096)))
    }

    /// The fastest of many rounds: slower ones were disturbed by other work.
    private static func measure(_ name: String, _ event: Event) {
        let events = 10_000
        var frames = FrameBuffer(capacity: 256 * 1024)
        var best = Duration.seconds(1)
        event.withFields { fields in
            for _ in 0..<200 {
                let time = ContinuousClock().measure { encode(fields, times: events, into: &frames) }
                best = min(best, time)
            }
        }
        let tenths = Int(best / events / Duration.nanoseconds(1) * 10)
        print("\(name): \(tenths / 10).\(tenths % 10) ns")
    }

    @inline(never)
    private static func encode(_ fields: EventFields, times: Int, into frames: inout FrameBuffer) {
        let encoder = EventEncoder()
        for _ in 0..<times {
            if frames.count > 64 * 1024 { frames.removeAll() }
            // Created anew for each event, as for a plugin's events.
            var event = EventFields()
            event.data = fields.data
            event.type = fields.type
            event.id = fields.id
            event.comment = fields.comment
            do {
                try encoder.encode(event, into: &frames)
            } catch {
                fatalError("the benchmark's own event is refused: \(error)")
            }
        }
    }
}
