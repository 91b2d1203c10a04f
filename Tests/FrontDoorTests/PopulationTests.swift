import Logging
import NIOCore
import Synchronization
import Testing

@testable import FrontDoor

@Suite("Counting and warning")
struct PopulationTests {
    @Test("Whoever found no room is called once when there is some; whoever waits for nobody to be left, at the end")
    func room() {
        let calls = Mutex([String]())
        let population = Population(limit: 2)
        population.whenThereIsRoom { calls.withLock { $0.append("room") } }
        population.joined()
        #expect(population.roomElseWait(at: .now()) == .now)
        population.joined()
        population.left()
        #expect(calls.withLock { $0 } == [])
        population.joined()
        population.joined()
        #expect(population.roomElseWait(at: .now()) == .none)
        population.left()
        #expect(calls.withLock { $0 } == [], "two of two are no room")
        population.whenEmpty { calls.withLock { $0.append("empty") } }
        population.left()
        population.left()
        #expect(calls.withLock { $0 } == ["room", "empty"])
        population.whenEmpty { calls.withLock { $0.append("at once") } }
        #expect(calls.withLock { $0 } == ["room", "empty", "at once"])
        population.joined()
        population.whenEmpty { calls.withLock { $0.append("too late") } }
        population.whenEmpty(nil)
        population.left()
        #expect(calls.withLock { $0 } == ["room", "empty", "at once"])
    }

    @Test("The end of a burst is told once, when nobody is left; few connections are no burst")
    func bursts() {
        let bursts = Mutex(0)
        let population = Population(limit: .max)
        population.afterBursts { bursts.withLock { $0 += 1 } }
        for _ in 1..<Population.burst {
            population.joined()
            population.left()
        }
        #expect(bursts.withLock { $0 } == 0)
        for _ in 0..<10 { population.joined() }
        for number in 0..<10 {
            #expect(bursts.withLock { $0 } == 0, "\(number) of ten have left")
            population.left()
        }
        #expect(bursts.withLock { $0 } == 1)
        for _ in 0..<10 { population.joined() }
        for _ in 0..<10 { population.left() }
        #expect(bursts.withLock { $0 } == 1)
    }

    @Test("A higher limit makes room at once; a lower one drives nobody out")
    func replacedLimit() {
        let calls = Mutex(0)
        let population = Population(limit: 1)
        population.whenThereIsRoom { calls.withLock { $0 += 1 } }
        population.joined()
        #expect(population.roomElseWait(at: .now()) == .none)
        population.replaceLimit(2)
        #expect(calls.withLock { $0 } == 1 && population.roomElseWait(at: .now()) == .now)
        population.joined()
        population.replaceLimit(1)
        #expect(population.count == 2 && population.roomElseWait(at: .now()) == .none)
        population.left()
        #expect(calls.withLock { $0 } == 1, "one of one is no room")
    }

    @Test("A warning is written once in its interval, and says how many were left out")
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
