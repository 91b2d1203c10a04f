import NIOCore
import ProducerInterface
import StreamRuntime

/// Carries batches to the channels of one event loop: one message for all channels that get the same bytes, and one
/// back for all that have sent theirs.
final class ChannelCarrier: FrameCarrier {
    private let loop: any EventLoop
    private let opener: any StreamOpener
    /// Streams whose batch was written. They are reported to the runtime at the end of the loop's turn.
    private let drained: NIOLoopBoundBox<[StreamToken]>

    /// On the loop.
    init(opener: any StreamOpener, on loop: any EventLoop) {
        self.loop = loop
        self.opener = opener
        drained = NIOLoopBoundBox([], eventLoop: loop)
    }

    func carry(_ batch: SharedSlice, to sinks: [any FrameSink]) {
        // The loop may have ended with the last of its channels; then it takes no more messages.
        let channels = sinks.compactMap { $0 as? ChannelSubscriber }.filter { !$0.hasEnded }
        guard !channels.isEmpty else { return }
        loop.execute {
            let bytes = batch.shared.form { ByteBuffer(bytes: $0) }
            let slice = bytes.getSlice(at: batch.range.lowerBound, length: batch.range.count)!
            for channel in channels { channel.write(slice) }
        }
    }

    /// On the loop: a stream's batch was written.
    func wrote(_ token: StreamToken) {
        if drained.value.isEmpty {
            loop.execute { [opener, drained] in
                opener.sinksDrained(drained.value)
                drained.value = []
            }
        }
        drained.value.append(token)
    }
}
