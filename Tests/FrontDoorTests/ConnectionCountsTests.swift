import Logging
import NIOCore
import Synchronization
import Testing

@testable import FrontDoor

@Suite("Counts and warnings")
struct ConnectionCountsTests {
    @Test("A waiting gate is called once when there is room; a wait for all connections to end is called at the end")
    func room() {
        let calls = Mutex([String]())
        let counts = ConnectionCounts(limit: 2)
        let gate = counts.addGate { calls.withLock { $0.append("room") } }
        counts.joined()
        #expect(counts.roomElseWait(at: .now(), for: gate) == .now)
        counts.joined()
        counts.left()
        #expect(calls.withLock { $0 } == [])
        counts.joined()
        counts.joined()
        #expect(counts.roomElseWait(at: .now(), for: gate) == .none)
        counts.left()
        #expect(calls.withLock { $0 } == [], "two of two are no room")
        counts.whenEmpty { calls.withLock { $0.append("empty") } }
        counts.left()
        counts.left()
        #expect(calls.withLock { $0 } == ["room", "empty"])
        counts.whenEmpty { calls.withLock { $0.append("at once") } }
        #expect(calls.withLock { $0 } == ["room", "empty", "at once"])
        counts.joined()
        counts.whenEmpty { calls.withLock { $0.append("too late") } }
        counts.whenEmpty(nil)
        counts.left()
        #expect(calls.withLock { $0 } == ["room", "empty", "at once"])
    }

    @Test("The end of a burst is reported once, when no connection is left; few connections are no burst")
    func bursts() {
        let bursts = Mutex(0)
        let counts = ConnectionCounts(limit: .max)
        counts.afterBursts { bursts.withLock { $0 += 1 } }
        for _ in 1..<ConnectionCounts.burst {
            counts.joined()
            counts.left()
        }
        #expect(bursts.withLock { $0 } == 0)
        for _ in 0..<10 { counts.joined() }
        for number in 0..<10 {
            #expect(bursts.withLock { $0 } == 0, "\(number) of ten have left")
            counts.left()
        }
        #expect(bursts.withLock { $0 } == 1)
        for _ in 0..<10 { counts.joined() }
        for _ in 0..<10 { counts.left() }
        #expect(bursts.withLock { $0 } == 1)
    }

    @Test("Every gate that found no room is called, and no other; a removed one is not called")
    func gates() {
        let calls = Mutex([String]())
        let counts = ConnectionCounts(limit: 1)
        let first = counts.addGate { calls.withLock { $0.append("first") } }
        let second = counts.addGate { calls.withLock { $0.append("second") } }
        _ = counts.addGate { calls.withLock { $0.append("silent") } }
        counts.joined()
        #expect(counts.roomElseWait(at: .now(), for: first) == .none)
        #expect(counts.roomElseWait(at: .now(), for: second) == .none)
        counts.left()
        #expect(calls.withLock { $0.sorted() } == ["first", "second"])
        counts.joined()
        #expect(counts.roomElseWait(at: .now(), for: first) == .none)
        #expect(counts.roomElseWait(at: .now(), for: second) == .none)
        counts.removeGate(first)
        counts.left()
        #expect(calls.withLock { $0.sorted() } == ["first", "second", "second"])
    }

    @Test("A higher limit makes room immediately; a lower one closes no connection")
    func replacedLimit() {
        let calls = Mutex(0)
        let counts = ConnectionCounts(limit: 1)
        let gate = counts.addGate { calls.withLock { $0 += 1 } }
        counts.joined()
        #expect(counts.roomElseWait(at: .now(), for: gate) == .none)
        counts.replaceLimit(2)
        #expect(calls.withLock { $0 } == 1 && counts.roomElseWait(at: .now(), for: gate) == .now)
        counts.joined()
        counts.replaceLimit(1)
        #expect(counts.count == 2 && counts.roomElseWait(at: .now(), for: gate) == .none)
        counts.left()
        #expect(calls.withLock { $0 } == 1, "one of one is no room")
    }

    @Test("A warning is written once per interval, with the number of omitted ones")
    func quietLog() {
        let log = CapturedLog()
        let quiet = QuietLog(log.logger, every: .seconds(3600))
        for _ in 0..<100 { quiet.warn("full") }
        #expect(log.lines == ["warning: full"])
        let chatty = QuietLog(log.logger, every: .zero)
        chatty.warn("one")
        chatty.warn("two")
        #expect(log.lines == ["warning: full", "warning: one", "warning: two"])
    }
}
