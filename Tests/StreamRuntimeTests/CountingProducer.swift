import EventStream
import ProducerInterface

@testable import StreamRuntime

extension FakeProducer {
    /// A producer that counts, and continues after the last ID: each event has its number as ID, and the mark of its
    /// build as data.
    static func counting(
        _ mark: String, wait: Int64? = 10, isNonblocking: Bool = true, isShared: Bool = false, isResumable: Bool = true,
        opening: @escaping @Sendable (FakeStream) -> OpenOutcome = { _ in .opened(headers: []) },
        closing: @escaping @Sendable (FakeStream, CloseReason) -> Bool = { _, _ in true },
        saving: (@Sendable (FakeStream) -> [UInt8]?)? = nil
    ) -> FakeProducer {
        let step = Step { stream, frames in
            let number = Int(stream.request.lastEventID ?? "0")! + stream.stepsTaken
            try! EventEncoder().encode(Event(data: mark, id: "\(number)"), into: &frames)
            return wait.map { .wait(milliseconds: $0) }
        }
        return FakeProducer(
            [step.repeated()], isNonblocking: isNonblocking, isShared: isShared, isResumable: isResumable,
            opening: opening, closing: closing, saving: saving)
    }
}

extension ProducerEntry {
    convenience init(_ producer: FakeProducer, generation: Int) {
        self.init(producer: producer, generation: Generation(plugin: "fakes", number: generation))
    }

    /// Does what a reload does to an entry: its streams continue in the newer one, if they can.
    func replace(by newer: ProducerEntry, in runtime: Runtime) {
        setSuccessor(canContinue(in: newer) ? newer : nil)
        generation.retire()
        runtime.migrate(generation)
    }
}

/// "id mark" of each event, in the order received.
func numbersAndMarks(of text: String) -> [String] {
    var parser = EventParser(reporting: .blocks)
    return parser.feed(Array(text.utf8)).compactMap { block in block.data.map { "\(block.id ?? "-") \($0)" } }
}
