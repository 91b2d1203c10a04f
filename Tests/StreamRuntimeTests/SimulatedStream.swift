import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// A stream of the simulation: what was done to it, and what may therefore be observed.
final class SimulatedStream: SimulatedSubscriber {
    let entry: ProducerEntry
    var fake: FakeStream?

    var isPending = false
    var isOpen = false
    var isClosing = false
    var hasTimedOut = false
    var pullEnd: CloseReason?
    var closeReason: CloseReason?
    var openedAt: Int64 = 0
    /// The last time at which the subscriber had the chance to take a byte.
    var lastProgress: Int64 = 0
    /// The number of bytes that it sent after its request.
    var received = 0
    var produced = 0
    var emitted = 0

    init(_ stage: HubStage, _ token: StreamToken, _ door: FakeDoor, _ entry: ProducerEntry) {
        self.entry = entry
        super.init(stage, token, door)
    }

    /// Whether nothing more follows on the connection, because everything was sent.
    var isWhole: Bool {
        if let sink { return sink.ends == ["finish"] }
        return isAttached && socket.isShutDown
    }

    /// The violation in the bytes that the subscriber received: they must be the produced ones, in order, and all of
    /// them if the stream ended cleanly.
    func fault() -> String? {
        var decoder = ChunkDecoder()
        var blocks = decoder.feed(bytes).map(block(of:))
        if decoder.isMalformed { return "got what is no chunk" }
        if isWhole {
            guard decoder.isComplete else { return "ended, and was not told so" }
            guard !blocks.isEmpty else { return "ended without a word" }
            let last = blocks.removeLast()
            switch closeReason {
            case .completed: guard last.id == EventID.finished else { return "completed without its marker" }
            case .failed: guard last.type == "stream-error" else { return "failed without saying so" }
            default: guard last.retryMilliseconds != nil, last.data == nil else { return "ended without a farewell" }
            }
        }
        var (pulled, emitted) = (0, 0)
        for (index, block) in blocks.enumerated() {
            guard let data = block.data else {
                guard block.comment != nil, block.id == nil, (index == 0) == (block.retryMilliseconds != nil) else {
                    // The end of a stream whose connection was lost before everything was sent.
                    if index == blocks.count - 1, closeReason != nil { continue }
                    return "a frame that nobody sent: \(block)"
                }
                continue
            }
            if data.hasPrefix("p \(pulled) ") {
                pulled += 1
            } else if data.hasPrefix("e \(emitted) ") {
                emitted += 1
            } else if block.type == "sluice-end", index == blocks.count - 1, closeReason == .completed {
                continue
            } else if !(block.type == "stream-error" && index == blocks.count - 1 && closeReason == .failed) {
                return "event \(data.prefix(12)) after \(pulled) pulled and \(emitted) emitted ones"
            }
        }
        if pulled > produced || emitted > self.emitted { return "more events than there were" }
        if isWhole, pulled != produced || emitted != self.emitted {
            return "\(pulled) of \(produced) pulled and \(emitted) of \(self.emitted) emitted events came"
        }
        return nil
    }
}
