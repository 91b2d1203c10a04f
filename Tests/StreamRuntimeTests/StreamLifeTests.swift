import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("The life of a stream")
struct StreamLifeTests {
    /// What can happen to a stream, in any order.
    private enum Step: CaseIterable {
        case hurry, opened, neverOpened, end, threadCloses, movesToThread, callsClose, closed
    }

    /// Whether the loop or the thread would do that in this phase.
    private static func isPossible(_ step: Step, in life: StreamLife, _ isThreaded: Bool) -> Bool {
        switch step {
        case .opened, .neverOpened: life.phase == .opening
        case .callsClose: life.phase == .closeDue
        case .threadCloses: isThreaded
        case .hurry, .end, .movesToThread, .closed: true
        }
    }

    /// How often close was due, or left to the thread, and how often it was complete.
    private struct Seen {
        var isOpened = false
        var closesBegun = 0
        var closes = 0
    }

    private static func take(_ step: Step, _ life: inout StreamLife, _ isThreaded: inout Bool, _ seen: inout Seen) {
        switch step {
        case .hurry: _ = life.hurry(.disconnected)
        case .opened:
            life.opened()
            seen.isOpened = true
        case .neverOpened: life.neverOpened()
        case .end: if life.end(.expired, isThreaded: isThreaded) != .none { seen.closesBegun += 1 }
        case .threadCloses: if life.threadCloses(.completed) { seen.closesBegun += 1 }
        case .movesToThread:
            life.movesToThread()
            isThreaded = true
        case .callsClose: life.callsClose()
        case .closed: if life.closed() != nil { seen.closes += 1 }
        }
    }

    @Test("in whatever order things happen, an opened stream is closed once, and one that was not opened is not")
    func exactlyOnce() {
        var ended = 0
        func explore(_ life: StreamLife, _ isThreaded: Bool, _ seen: Seen, depth: Int) {
            #expect(seen.closes <= seen.closesBegun && seen.closesBegun <= (seen.isOpened ? 1 : 0))
            if life.phase == .over {
                #expect(seen.closes == (seen.isOpened ? 1 : 0))
                ended += 1
                return
            }
            guard depth > 0 else { return }
            for step in Step.allCases where Self.isPossible(step, in: life, isThreaded) {
                var (life, isThreaded, seen) = (life, isThreaded, seen)
                Self.take(step, &life, &isThreaded, &seen)
                explore(life, isThreaded, seen, depth: depth - 1)
            }
        }
        for isThreaded in [false, true] {
            var life = StreamLife()
            life.begin()
            explore(life, isThreaded, Seen(), depth: 6)
        }
        #expect(ended > 100)
    }

    @Test("its reason is the first one; but the one that its thread passed to close is the true one")
    func reasons() {
        var life = StreamLife()
        life.begin()
        #expect(life.hurry(.disconnected) && !life.hurry(.shutdown) && life.reason == .disconnected)
        life.opened()
        #expect(life.end(.slow, isThreaded: true) == .tellThread && life.end(.failed, isThreaded: true) == .none)
        #expect(life.reason == .slow)
        #expect(life.closed(told: .completed) == .completed && life.closed() == nil)
    }

    @Test("one that is to end before it has begun knows why")
    func lateComer() {
        var life = StreamLife()
        life.begin(.shutdown)
        #expect(life.phase == .opening && life.reason == .shutdown && !life.hurry(.disconnected))
    }
}
