import CSluice
import TestSupport
import Testing

@testable import Sluice

private let notes = Notes()

/// Sleeps, ticks and starts its own tasks.
private struct Sleeps: Producer {
    @Parameter var what: String

    func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
        let what = what
        return AsyncThrowingStream {
            switch what {
            case "sleeps":
                try await StreamClock().sleep(for: .seconds(5))
                return "slept"
            case "race":
                return await withTaskGroup(of: String.self) { group in
                    group.addTask {
                        try? await StreamClock().sleep(for: .milliseconds(1))
                        return "short"
                    }
                    group.addTask {
                        do {
                            try await StreamClock().sleep(for: .seconds(1000))
                            return "long"
                        } catch {
                            notes.note("cancelled")
                            return "cancelled"
                        }
                    }
                    let first = await group.next()
                    group.cancelAll()
                    return MessageEvent(first)
                }
            default:
                return nil
            }
        }
    }

    func finalize(_ reason: CloseReason) { notes.note("finalize") }
}

private struct TicksAway: Producer {
    func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
        ticks(every: .milliseconds(40)).map { _ in try MessageEvent(json: [1]) }
    }
}

extension PluginTests {
    @Suite("A stream's home: its executor and its clock")
    struct HomeTests {
        let host = FakeHost.reset()

        init() { notes.reset() }

        @Test("a sleep is one timer of the stream's loop")
        func sleep() throws {
            let stream = try DrivenStream(Sleeps.self, on: host, parameters: ["what": "sleeps"])
            #expect(stream.next() == .wait(-1))
            #expect(host.scheduled.count == 1)
            let due = try #require(host.scheduled.first?.due)
            #expect(due <= 5_000_000_000 && due > 4_000_000_000)
            host.pass(due)
            #expect(stream.next() == .event("slept", wait: -1))
            #expect(stream.close())
            #expect(notes.all == ["finalize"])
        }

        @Test("a stream that is closed while it sleeps wakes at once")
        func cancelled() throws {
            let stream = try DrivenStream(Sleeps.self, on: host, parameters: ["what": "sleeps"])
            #expect(stream.next() == .wait(-1))
            #expect(stream.close())
            #expect(notes.all == ["finalize"])
        }

        @Test("child tasks run there, too; a sleep that lost a race is cancelled, and its timer does no harm")
        func race() throws {
            let stream = try DrivenStream(Sleeps.self, on: host, parameters: ["what": "race"])
            #expect(stream.next() == .wait(-1))
            host.pass(1_000_000)
            #expect(stream.said.wakes == 1)
            #expect(stream.next() == .event("short", wait: -1))
            #expect(notes.all == ["cancelled"])
            host.pass(2_000_000_000_000)
            #expect(stream.close())
            host.pass(2_000_000_000_000)
            #expect(notes.all == ["cancelled", "finalize"])
        }

        @Test("ticks are timers of the loop, and end with the stream")
        func ticking() throws {
            let stream = try DrivenStream(TicksAway.self, on: host)
            for round in 1...3 {
                #expect(stream.next() == .wait(-1))
                let due = try #require(host.scheduled.first?.due) - host.now
                // The host's time jumps, but real time does not, so each next tick is one interval further away.
                #expect(due > 0 && due <= 40_000_000 * Int64(round))
                host.pass(due)
                #expect(stream.next() == .event("[1]", wait: -1))
            }
            #expect(stream.next() == .wait(-1))
            #expect(stream.close())
        }

        @Test("outside of a stream, its clock still works")
        func outside() async throws {
            let start = ContinuousClock.now
            try await StreamClock().sleep(for: .milliseconds(2))
            #expect(ContinuousClock.now - start >= .milliseconds(2))
        }

        @Test("durations are rounded up, and never overflow")
        func durations() {
            #expect(Duration.zero.milliseconds == 0 && Duration.zero.nanoseconds == 0)
            #expect(Duration.nanoseconds(1).milliseconds == 1)
            #expect(Duration.milliseconds(1500).milliseconds == 1500)
            #expect(Duration.milliseconds(1500).nanoseconds == 1_500_000_000)
            #expect(Duration.seconds(Int64.max).milliseconds == .max)
            #expect(Duration.seconds(Int64.max).nanoseconds == .max)
            #expect(Duration.seconds(Int64.min).nanoseconds == .min)
        }
    }
}
