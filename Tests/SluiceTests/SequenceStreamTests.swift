import CSluice
import Synchronization
import TestSupport
import Testing

@testable import Sluice

private let notes = Notes()

/// A sequence that a test feeds by hand, and that reports requests and its end.
private struct Fed: AsyncSequence {
    typealias Element = MessageEvent

    final class Source: Sendable {
        fileprivate let state = Mutex(State())
        fileprivate struct State {
            var ready: [Result<MessageEvent?, any Error>] = []
            var waiting: UnsafeContinuation<MessageEvent?, any Error>?
        }

        func feed(_ result: Result<MessageEvent?, any Error>) {
            let waiting = state.withLock { state -> UnsafeContinuation<MessageEvent?, any Error>? in
                guard let waiting = state.waiting else {
                    state.ready.append(result)
                    return nil
                }
                state.waiting = nil
                return waiting
            }
            waiting?.resume(with: result)
        }
    }

    final class AsyncIterator: AsyncIteratorProtocol {
        let source: Source
        let heedsCancellation: Bool

        init(_ source: Source, heedsCancellation: Bool) {
            self.source = source
            self.heedsCancellation = heedsCancellation
        }

        deinit { notes.note("iterator gone") }

        func next() async throws -> MessageEvent? {
            notes.note("asked")
            let (source, heedsCancellation) = (source, heedsCancellation)
            return try await withTaskCancellationHandler {
                try await withUnsafeThrowingContinuation { continuation in
                    let ready = source.state.withLock { state -> Result<MessageEvent?, any Error>? in
                        if !state.ready.isEmpty { return state.ready.removeFirst() }
                        state.waiting = continuation
                        return nil
                    }
                    if let ready { continuation.resume(with: ready) }
                }
            } onCancel: {
                if heedsCancellation { source.feed(.success(nil)) }
            }
        }
    }

    let source: Source
    var heedsCancellation = true

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source, heedsCancellation: heedsCancellation) }
}

private let source = Mutex(Fed.Source())

private struct Feeds: Producer {
    @Parameter var heeds = true

    func events(for request: Request) -> Fed {
        Fed(source: source.withLock { $0 }, heedsCancellation: heeds)
    }

    func finalize(_ reason: CloseReason) { notes.note("finalize \(reason)") }
}

private struct OpensLater: Producer {
    @Parameter var outcome: String

    func events(for request: Request) async throws -> AsyncStream<MessageEvent> {
        try await StreamClock().sleep(for: .milliseconds(10))
        switch outcome {
        case "reject": throw Reject(status: 404, message: "no such thing")
        case "finished": throw Finished()
        case "error": throw StreamFailure("a secret of the house")
        default: return AsyncStream { MessageEvent(request.header("x")) }
        }
    }

    func finalize(_ reason: CloseReason) { notes.note("finalize \(reason)") }
}

/// Greedy tasks wait for this.
private let released = Atomic(false)

private struct Greedy: Producer {
    @Parameter var sleeping: String

    func events(for request: Request) -> AsyncStream<MessageEvent> {
        let sleeps = sleeping == "task"
        return AsyncStream {
            while !released.load(ordering: .relaxed) {
                try? await sleeps ? Task.sleep(for: .seconds(1000)) : StreamClock().sleep(for: .seconds(1000))
            }
            return "too late"
        }
    }

    func finalize(_ reason: CloseReason) { notes.note("finalize \(reason)") }
}

private struct OpensGreedily: Producer {
    func events(for request: Request) async -> AsyncStream<MessageEvent> {
        while !released.load(ordering: .relaxed) { try? await Task.sleep(for: .seconds(1000)) }
        return AsyncStream { "never" }
    }

    func finalize(_ reason: CloseReason) { notes.note("finalize \(reason)") }
}

extension PluginTests {
    @Suite("Streams of a sequence")
    struct SequenceStreamTests {
        let host = FakeHost.reset()
        private let feed = Fed.Source()

        init() {
            notes.reset()
            released.store(false, ordering: .relaxed)
            source.withLock { [feed] in $0 = feed }
        }

        private func open(heeds: Bool = true) throws -> DrivenStream {
            let stream = try DrivenStream(Feeds.self, on: host, parameters: ["heeds": "\(heeds)"])
            #expect(stream.answer == Int32(SLUICE_OPEN_OK))
            return stream
        }

        @Test("the sequence is asked once for each event that the server requests, and not earlier")
        func laziness() throws {
            let stream = try open()
            #expect(notes.all == [])
            feed.feed(.success("one"))
            feed.feed(.success("two"))
            #expect(stream.next() == .event("one", wait: -1))
            #expect(notes.all == ["asked"])
            #expect(stream.next() == .event("two", wait: -1))
            #expect(notes.all == ["asked", "asked"])
            #expect(stream.next() == .wait(-1))
            #expect(stream.next() == .wait(-1))
            #expect(notes.all == ["asked", "asked", "asked"])
            #expect(stream.said.wakes == 0)
            feed.feed(.success("three"))
            host.pass()
            #expect(stream.said.wakes == 1)
            #expect(stream.next() == .event("three", wait: -1))
            #expect(stream.close())
            #expect(notes.all == ["asked", "asked", "asked", "iterator gone", "finalize disconnected"])
        }

        @Test("its end ends the stream; the sequence is released before finalize")
        func end() throws {
            let stream = try open()
            feed.feed(.success("last"))
            feed.feed(.success(nil))
            #expect(stream.next() == .event("last", wait: -1))
            #expect(stream.next() == .end)
            #expect(stream.close(.completed))
            #expect(notes.all == ["asked", "asked", "iterator gone", "finalize completed"])
        }

        @Test("an error that it throws fails the stream: a failure's message is sent, any other error is only logged")
        func failure() throws {
            let told = try open()
            feed.feed(.failure(StreamFailure("the database is away")))
            #expect(told.next() == .error)
            #expect(told.said.failure == "the database is away")
            #expect(told.close(.failed))

            let kept = try open()
            feed.feed(.failure(Finished()))
            #expect(kept.next() == .error)
            #expect(kept.said.failure == nil)
            #expect(host.lines.contains { $0.contains("the stream fails: Finished()") })
            #expect(kept.close(.failed))
        }

        @Test(
            "an open that awaits is answered later, with its result",
            arguments: ["ok", "reject", "finished", "error"])
        func laterAnswer(outcome: String) throws {
            let stream = try DrivenStream(OpensLater.self, on: host, parameters: ["outcome": outcome])
            #expect(stream.answer == Int32(SLUICE_OPEN_PENDING))
            #expect(stream.said.opened == [])
            host.pass(9_000_000)
            #expect(stream.said.opened == [])
            host.pass(1_000_000)
            switch outcome {
            case "ok":
                #expect(stream.said.opened == [Int32(SLUICE_OPEN_OK)])
                #expect(stream.next() == .event("header of x", wait: -1))
                #expect(stream.close())
                #expect(notes.all == ["finalize disconnected"])
            case "finished":
                #expect(stream.said.opened == [Int32(SLUICE_OPEN_END)])
                #expect(notes.all == [])
            case "reject":
                #expect(stream.said.opened == [Int32(SLUICE_OPEN_REJECT)])
                #expect(stream.said.rejection?.0 == 404 && stream.said.rejection?.1 == "no such thing")
            default:
                #expect(stream.said.opened == [Int32(SLUICE_OPEN_REJECT)])
                #expect(stream.said.rejection == nil)
                #expect(host.lines.contains { $0.contains("a secret of the house") })
            }
            #expect(notes.all.count(where: { $0.hasPrefix("finalize") }) == (outcome == "ok" ? 1 : 0))
        }

        @Test("if the peer disconnects while the open awaits, the wait is cancelled at once")
        func interrupted() throws {
            let stream = try DrivenStream(OpensLater.self, on: host, parameters: ["outcome": "ok"])
            stream.declaration.interrupt(stream.state)
            host.pass()
            #expect(stream.said.opened == [Int32(SLUICE_OPEN_REJECT)])
        }

        @Test("a sequence that ignores cancellation is awaited; then comes finalize, then closed, once")
        func stubborn() throws {
            let stream = try open(heeds: false)
            #expect(stream.next() == .wait(-1))
            #expect(!stream.close(.shutdown))
            host.pass(1_000_000_000)
            #expect(stream.said.closed == 0)
            #expect(notes.all == ["asked"])
            feed.feed(.success("too late"))
            #expect(host.pass { stream.said.closed > 0 })
            #expect(notes.all == ["asked", "iterator gone", "finalize shutdown"])
            #expect(stream.said.closed == 1)
        }

        @Test(
            "a cancelled task that never releases its thread delays nothing, and is awaited",
            arguments: ["task", "clock"])
        func greedy(sleeping: String) throws {
            let stream = try DrivenStream(Greedy.self, on: host, parameters: ["sleeping": sleeping])
            #expect(stream.next() == .wait(-1))
            // From now on it spins, because sleeps in a cancelled task return at once.
            #expect(!stream.close(.reloaded))
            let other = try DrivenStream(OpensLater.self, on: host, parameters: ["outcome": "ok"])
            host.pass(10_000_000)
            #expect(other.said.opened == [Int32(SLUICE_OPEN_OK)])
            #expect(other.close())
            #expect(stream.said.closed == 0 && notes.all == ["finalize disconnected"])
            released.store(true, ordering: .relaxed)
            #expect(host.pass { stream.said.closed > 0 })
            #expect(notes.all == ["finalize disconnected", "finalize reloaded"])
        }

        @Test("an open that is given up and ignores cancellation: its stream is finalized, and the answer is no")
        func givenUp() throws {
            let stream = try DrivenStream(OpensGreedily.self, on: host)
            #expect(stream.answer == Int32(SLUICE_OPEN_PENDING))
            stream.declaration.interrupt(stream.state)
            host.pass()
            stream.declaration.interrupt(stream.state)
            host.pass()
            #expect(stream.said.opened == [] && notes.all == [])
            released.store(true, ordering: .relaxed)
            #expect(host.pass { stream.said.opened == [Int32(SLUICE_OPEN_REJECT)] })
            #expect(stream.said.rejection?.0 == 503)
            #expect(notes.all == ["finalize disconnected"])
        }

        @Test("in whatever order things happen: opens equal finalizes, nothing is left")
        func random() throws {
            var random = SeededRandom.fromEnvironment(test: "SequenceStream")
            for _ in 0..<2000 {
                notes.reset()
                let feed = Fed.Source()
                source.withLock { $0 = feed }
                let stream = try open(heeds: Bool.random(using: &random))
                var isEnded = false
                for _ in 0..<Int.random(in: 0..<12, using: &random) where !isEnded {
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0: feed.feed(.success("event"))
                    case 1: host.pass()
                    case 2 where Int.random(in: 0..<4, using: &random) == 0: feed.feed(.success(nil))
                    case 3 where Int.random(in: 0..<4, using: &random) == 0: feed.feed(.failure(Finished()))
                    default:
                        let next = stream.next()
                        isEnded = next == .end || next == .error
                    }
                }
                let isOver = stream.close()
                feed.feed(.success(nil))
                #expect(isOver || host.pass { stream.said.closed > 0 })
                #expect(stream.said.closed == (isOver ? 0 : 1))
                #expect(notes.all.count(where: { $0 == "finalize disconnected" }) == 1)
                #expect(notes.all.last == "finalize disconnected")
                #expect(notes.all.count(where: { $0 == "iterator gone" }) == 1)
            }
            #expect(host.scheduled.isEmpty)
        }
    }
}
