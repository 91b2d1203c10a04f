import CSluice
import ProducerInterface
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

@Suite("The host table under stress")
struct HostTableStressTests {
    /// The state that the plugin's threads share.
    private final class Known: Sendable {
        /// Live and stale handles; the newest are last.
        let tokens = Mutex<[StreamToken]>([])
        let isOver = Atomic(false)
    }

    private static var host: sluice_host { HostTable.pointer.pointee }
    private static let nothing: @convention(c) (UnsafeMutableRawPointer?) -> Void = { _ in }

    @Test(
        "streams open, answer and end while other threads use their handles: each is answered once, nothing is left",
        .timeLimit(.minutes(2)))
    func handles() async throws {
        let plugin = try loadFixture("AnswersAsTold", log: "stress")
        let known = Known()
        let seeds = SeededRandom.fromEnvironment(test: "handles from many threads")

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    var random = seeds
                    for _ in 0...number { random = SeededRandom(seed: random.next()) }
                    while !known.isOver.load(ordering: .relaxed) {
                        if let token = known.tokens.withLock({ $0.suffix(8).randomElement(using: &random) }) {
                            Self.call(token.handle, &random)
                        }
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                defer { known.isOver.store(true, ordering: .relaxed) }
                for _ in 0..<300 {
                    let stream = try HandDrivenStream(plugin, "pending")
                    FakeRuntime.shared.change(stream.token) { $0.isOpenPending = true }
                    known.tokens.withLock { $0.append(stream.token) }
                    let outcome = try stream.open()
                    if case .pending = outcome {
                        // The answer comes from one of the others, or from this task, whichever is first.
                        await Task.yield()
                        Self.host.opened(stream.token.handle, Int32(SLUICE_OPEN_OK))
                        #expect(
                            await eventually { FakeRuntime.shared.look(stream.token)?.openAnswers.isEmpty == false })
                    }
                    let answers = FakeRuntime.shared.look(stream.token)?.openAnswers.count
                    if case .pending = outcome { #expect(answers == 1) } else { #expect(answers == 0) }
                    #expect(StreamMaps.opening[stream.token] == nil)
                    #expect(stream.close(.disconnected))
                    stream.state.pointer?.deallocate()
                }
            }
            try await group.waitForAll()
        }
        let tokens = known.tokens.withLock(\.self)
        #expect(!tokens.isEmpty)
        for token in tokens { #expect(StreamMaps.failure[token] == nil) }
    }

    /// A call that a plugin's thread might make. Lent memory is not read: another thread can answer at any time.
    private static func call(_ stream: OpaquePointer, _ random: inout SeededRandom) {
        var event = sluice_event.reset
        var length = 0
        switch Int.random(in: 0..<18, using: &random) {
        case 0: host.wake(stream)
        case 1:
            _ = "x".withCString { text in
                event.data = text
                return host.emit(stream, &event)
            }
        case 2: _ = host.is_cancelled(stream)
        case 3: _ = host.parameter(stream, "a")
        case 4: _ = host.query(stream, "q")
        case 5: _ = host.header(stream, "accept")
        case 6: _ = host.path(stream)
        case 7: _ = host.body(stream, &length)
        case 8: _ = host.config(stream, "root")
        case 9: host.reject(stream, 400, "no")
        case 10: host.fail(stream, "failed")
        case 11: _ = host.set_header(stream, "X-Stress", "1")
        case 12: host.opened(stream, Int32(SLUICE_OPEN_OK))
        case 13: _ = host.schedule(stream, 0, nothing, nil)
        case 14: _ = host.saved(stream, &length)
        case 15: _ = host.identity(stream)
        case 16: _ = host.claim(stream, "scope")
        default: host.log(stream, Int32(SLUICE_LOG_DEBUG), "under stress")
        }
    }
}
