import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// A stream of the simulation: what was done to it, and what may therefore be seen of it.
final class SimulatedStream {
    let token: StreamToken
    let door: FakeDoor
    let entry: ProducerEntry
    var fake: FakeStream?
    var descriptor: Int32?
    var sink: FakeSink?
    /// Batches of the sink that were reported as sent.
    var drained = 0

    var isPending = false
    var isOpen = false
    var isClosing = false
    /// The subscriber's side gave the stream up.
    var hasLeft = false
    var hasTimedOut = false
    var pullEnd: CloseReason?
    var closeReason: CloseReason?
    var openedAt: Int64 = 0
    /// When the subscriber last had the chance to take a byte.
    var lastProgress: Int64 = 0
    /// Bytes that it sent after its request.
    var received = 0
    var produced = 0
    var emitted = 0

    init(_ token: StreamToken, _ door: FakeDoor, _ entry: ProducerEntry) {
        self.token = token
        self.door = door
        self.entry = entry
    }

    var isAttached: Bool { descriptor != nil || sink != nil }

    /// Nothing follows any more on the connection, because everything was sent.
    func isWhole(_ system: VirtualSystem) -> Bool {
        if let descriptor { return system.sockets[descriptor]!.isShutDown }
        return sink?.ends == ["finish"]
    }

    /// What is wrong with the bytes that the subscriber got: they must be what was produced, in order, and all of it if the stream
    /// came to a clean end.
    func fault(_ system: VirtualSystem) -> String? {
        var bytes: [UInt8] = []
        if let descriptor { bytes = system.sockets[descriptor]!.sent }
        if let sink { bytes = Array(sink.batches.joined()) }
        var decoder = ChunkDecoder()
        var blocks = decoder.feed(bytes).map(block(of:))
        if decoder.isMalformed { return "got what is no chunk" }
        if isWhole(system) {
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
        if isWhole(system), pulled != produced || emitted != self.emitted {
            return "\(pulled) of \(produced) pulled and \(emitted) of \(self.emitted) emitted events came"
        }
        return nil
    }
}
