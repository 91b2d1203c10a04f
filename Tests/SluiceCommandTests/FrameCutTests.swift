import EventStream
import Testing

@testable import SluiceCommand

@Suite("Ending after a number of events")
struct FrameCutTests {
    private let text = ": sluice\n\nid: 1\n\nevent: a\ndata: x\ndata: y\n\n:\n\ndata:\n\ndata: z\n\n"

    @Test("frames with data count, others do not", arguments: [1: "data: y\n\n", 2: "data:\n\n", 3: "data: z\n\n"])
    func cut(count: Int, end: String) {
        var cut = FrameCut(events: count)
        let taken = cut.take(Array(text.utf8))
        #expect(cut.remaining == 0)
        #expect(String(decoding: text.utf8.prefix(taken), as: UTF8.self).hasSuffix(end))
        var parser = EventParser()
        #expect(parser.feed(text.utf8.prefix(taken)).count == count)
    }

    @Test("however the bytes are split")
    func split() {
        for place in 0...text.utf8.count {
            var cut = FrameCut(events: 2)
            let (first, second) = (Array(text.utf8.prefix(place)), Array(text.utf8.dropFirst(place)))
            let taken = cut.take(first) + cut.take(second)
            #expect(taken == text.utf8.count - "data: z\n\n".utf8.count)
        }
    }

    @Test("all bytes are kept while events are still wanted")
    func all() {
        var cut = FrameCut(events: 4)
        #expect(cut.take(Array(text.utf8)) == text.utf8.count)
        #expect(cut.remaining == 1)
    }
}
