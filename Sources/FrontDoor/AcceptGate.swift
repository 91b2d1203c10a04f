import Glibc
import Logging
import NIOCore
import Synchronization
import SystemCalls

/// On a listening channel. Stops accepting for a while when the process runs out of descriptors, or when the front door
/// is full and no connection can make room. Meanwhile clients wait in the kernel's backlog, and nothing spins.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let counts: ConnectionCounts
    private let exhaustion: QuietLog
    private let fullness: QuietLog
    private var context: ChannelHandlerContext?
    /// The number by which `counts` knows the gate.
    private var number = 0
    private var isReadHeld = false
    private var isResumeSet = false
    /// The next pause when descriptors are short; doubled until an accept succeeds.
    private var pause = AcceptGate.shortestPause

    private static let shortestPause = TimeAmount.milliseconds(100)
    private static let longestPause = TimeAmount.seconds(1)
    /// How long the threads have to close connections.
    private static let makingRoomTime = TimeAmount.milliseconds(2)

    init(_ counts: ConnectionCounts, logger: Logger) {
        self.counts = counts
        exhaustion = QuietLog(logger)
        fullness = QuietLog(logger, every: .seconds(10))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        number = counts.addGate { loop.execute { gate.value.resume() } }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        counts.removeGate(number)
    }

    func read(context: ChannelHandlerContext) {
        switch counts.roomElseWait(at: context.eventLoop.now, for: number) {
        case .now: context.read()
        case .at(let time):
            isReadHeld = true
            guard !isResumeSet else { return }
            isResumeSet = true
            let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(deadline: time) {
                gate.value.isResumeSet = false
                gate.value.resume()
            }
        case .none:
            isReadHeld = true
            fullness.warn(
                "accepting is paused: there are too many connections", ["limit": "max-connections=\(counts.limit)"])
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        pause = Self.shortestPause
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        switch error.errnoCode {
        case EMFILE where counts.makeDescriptors(at: context.eventLoop.now):
            pauseAccepting(on: context, for: Self.makingRoomTime)
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            exhaustion.warn(
                "accepting is paused: out of descriptors or memory",
                [
                    "error": "\(systemError(error.errnoCode))",
                    "pause": "\(pause.nanoseconds / 1_000_000) ms",
                ])
            pauseAccepting(on: context, for: pause)
            pause = min(pause + pause, Self.longestPause)
        case ECONNABORTED: break
        default: context.fireErrorCaught(error)
        }
    }

    /// Holding back `read` is not enough: after a failed accept, the channel is still registered for reading.
    private func pauseAccepting(on context: ChannelHandlerContext, for time: TimeAmount) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let gate = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: time) {
            try? gate.value.context?.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    private func resume() {
        guard isReadHeld, let context else { return }
        isReadHeld = false
        read(context: context)
    }
}
