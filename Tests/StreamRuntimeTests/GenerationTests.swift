import StreamLoop
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Generations and the counts", .timeLimit(.minutes(5)))
struct GenerationTests {
    @Test("retired without streams, it shuts down at once, and once")
    func idle() {
        let shared = Counter()
        let generation = Generation(plugin: "p", number: 1) { shared.count() }
        #expect(!generation.isShutDown && shared.value == 0)
        generation.retire()
        generation.retire()
        #expect(generation.isShutDown && shared.value == 1)
        #expect(!generation.enter(), "none of its code may run any more")
        #expect(generation.liveStreams == 0)
    }

    @Test("retired with streams, it shuts down after the last")
    func busy() {
        let shared = Counter()
        let generation = Generation(plugin: "p", number: 1) { shared.count() }
        #expect(generation.enter() && generation.enter())
        generation.retire()
        #expect(generation.enter(), "a stream whose route was found before is still let in")
        generation.leave()
        generation.leave()
        #expect(generation.liveStreams == 1 && !generation.isShutDown && shared.value == 0)
        generation.leave()
        #expect(generation.isShutDown)
        #expect(shared.value == 1)
        #expect(!generation.enter())
    }

    @Test("streams that come and go while it is retired from another thread: one shutdown, after the last of them")
    func race() async {
        for _ in 0..<200 {
            let shared = Counter()
            let entered = Counter()
            let generation = Generation(plugin: "p", number: 1) {
                shared.count()
            }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        for _ in 0..<50 where generation.enter() {
                            entered.count()
                            if shared.value > 0 { entered.fail() }
                            generation.leave()
                        }
                    }
                }
                group.addTask { generation.retire() }
            }
            #expect(await eventually { shared.value == 1 })
            #expect(!entered.hasFailed)
        }
    }

    @Test("a wait for idleness ends when the last loop is idle, or at its deadline")
    func idleness() {
        let counts = StreamCounts(limits: Limits())
        let counter = Counter()
        let began = monotonicNanoseconds()
        #expect(!counts.wait(until: began + 5_000_000, for: { false }, now: monotonicNanoseconds))
        #expect(monotonicNanoseconds() - began >= 5_000_000)
        #expect(
            startThread(named: "idle", stackBytes: 1 << 16) {
                counter.count()
                counts.loopIsIdle()
            })
        let reached = counts.wait(
            until: began + 30_000_000_000, for: { counter.value == 1 }, now: monotonicNanoseconds)
        #expect(reached)
    }
}

final class Counter: Sendable {
    private let number = Watched(0)
    private let failed = Atomic<Bool>(false)
    var value: Int { number.read(\.self) }
    var hasFailed: Bool { failed.load(ordering: .acquiring) }
    func count() { number.update { $0 += 1 } }
    func fail() { failed.store(true, ordering: .releasing) }
    /// Blocks the thread until something was counted, a minute at most.
    func wait() {
        let isCounted = number.wait(.seconds(60)) { $0 > 0 ? true : nil }
        if isCounted == nil { Issue.record("nothing was counted in a minute") }
    }
}
