import Testing

@testable import PluginDirectory

@Suite("When candidates begin, and when they are ready to serve")
struct LoadScheduleTests {
    /// The behaviour of a candidate, in milliseconds.
    private enum Candidate {
        /// Works for this time, and is decided.
        case works(Int64)
        /// Works for 30 ms, and then waits until its deadline of 5 s.
        case hangs
        /// The same, but one of its threads wakes up every 100 ms.
        case ticks
    }

    private static let patience = LoadSchedule.Patience(working: 2, threadsMax: 64)

    /// Runs candidates on a clock of their own, which is checked every 10 ms, with as many processors as
    /// `patience.working`.
    /// - Returns: when each served and when all ended, in milliseconds, and the most that ran at a time.
    private func run(
        _ candidates: [Candidate], _ patience: LoadSchedule.Patience = patience
    ) -> (served: [Int64], end: Int64, most: Int) {
        var schedule = LoadSchedule(count: candidates.count, patience)
        var begun: [Int: Int64] = [:]
        var served = candidates.map { _ in Int64.max }
        var decided: Set<Int> = []
        var most = 0
        var now: Int64 = 0
        while !schedule.isOver, now < 1_000_000 {
            for (index, start) in begun {
                // The processor time in nanoseconds, and the end of its run.
                let age = now - start
                let (used, end): (Int64, Int64) =
                    switch candidates[index] {
                    case .works(let time): (age * 1_000_000, time)
                    case .hangs: (min(age, 30) * 1_000_000, 5000)
                    // Each wakes up at a different moment.
                    case .ticks: (min(age, 30) * 1_000_000 + (age + Int64(index) * 37) / 100 * 50_000, 5000)
                    }
                if age >= end {
                    begun[index] = nil
                    decided.insert(index)
                    schedule.decide(index, now: now * 1_000_000)
                } else {
                    schedule.note(index, used: used, now: now * 1_000_000)
                }
            }
            while let index = schedule.begin(now: now * 1_000_000) { begun[index] = now }
            most = max(most, begun.count)
            for index in schedule.takeReady(now: now * 1_000_000) { served[index] = now }
            now += 10
        }
        for index in decided where served[index] == .max { served[index] = now }
        return (served, now, most)
    }

    @Test("a ready one serves soon, however many hang", arguments: [1, 4, 10, 20, 60])
    func besideHanging(count: Int) {
        let first = run([.works(50)] + Array(repeating: .hangs, count: count))
        #expect(first.served[0] <= 1200 && first.end <= 5000 + Int64(count) * 50 + 100, "\(first)")
        let last = run(Array(repeating: .hangs, count: count) + [.works(50)])
        #expect(last.served[count] <= 1200 + Int64(count) * 50, "\(last)")
    }

    @Test("a ready one serves soon, even if the threads of others wake up now and then", arguments: [1, 4, 10, 20, 60])
    func besideTicking(count: Int) {
        let last = run(Array(repeating: .ticks, count: count) + [.works(50)])
        #expect(last.served[count] <= 1200 + Int64(count) * 50, "\(last)")
    }

    @Test("one that works again after it has waited counts at once, even if it did nothing before")
    func again() {
        var schedule = LoadSchedule(count: 2, .init(working: 1, hanging: .max))
        func milliseconds(_ count: Int64) -> Int64 { count * 1_000_000 }
        #expect(schedule.begin(now: 0) == 0)
        for time in stride(from: Int64(0), to: 40, by: 20) { schedule.note(0, used: 0, now: milliseconds(time)) }
        #expect(schedule.begin(now: milliseconds(40)) == nil)
        for time in stride(from: Int64(40), to: 10_000, by: 20) { schedule.note(0, used: 0, now: milliseconds(time)) }
        schedule.note(0, used: milliseconds(20), now: milliseconds(10_020))
        #expect(schedule.begin(now: milliseconds(10_020)) == nil)
        schedule.note(0, used: milliseconds(20), now: milliseconds(10_069))
        #expect(schedule.begin(now: milliseconds(10_069)) == nil)
        #expect(schedule.begin(now: milliseconds(10_070)) == 1)
    }

    @Test("no more work at a time than there are processors; more only begin if some wait")
    func processors() {
        let working = run(Array(repeating: .works(200), count: 20))
        #expect(working.most == 2 && working.end <= 2200)
        let hanging = run(Array(repeating: .hangs, count: 200))
        #expect(hanging.most == 64)
    }

    @Test("one whose clock can't be read counts as working, until it hangs")
    func unknownClock() {
        var schedule = LoadSchedule(count: 3, .init(working: 1))
        let second: Int64 = 1_000_000_000
        #expect(schedule.begin(now: 0) == 0)
        for time in stride(from: 0, to: second, by: 10_000_000) {
            schedule.note(0, used: nil, now: time)
            #expect(schedule.begin(now: time) == nil)
        }
        schedule.note(0, used: nil, now: second)
        #expect(schedule.begin(now: second) == 1)
        #expect(schedule.begin(now: second) == nil)
    }

    @Test("those that do not hang serve together, so that two can swap their routes")
    func together() {
        let result = run([.works(300), .works(100), .hangs, .works(500), .works(400)])
        #expect(Set([0, 1, 3, 4].map { result.served[$0] }).count == 1, "\(result)")
    }

    @Test("none serves before a preceding one that does not hang")
    func order() {
        var schedule = LoadSchedule(count: 4, .init(working: 4))
        func milliseconds(_ count: Int64) -> Int64 { count * 1_000_000 }
        for index in 0..<3 { #expect(schedule.begin(now: 0) == index) }
        schedule.decide(1, now: milliseconds(10))
        #expect(schedule.begin(now: milliseconds(400)) == 3)
        schedule.decide(2, now: milliseconds(500))
        #expect(schedule.takeReady(now: milliseconds(990)) == [])
        // 0 has now hung for a second, and 3, which does not hang, comes after both.
        #expect(schedule.takeReady(now: milliseconds(1010)) == [1, 2])
        schedule.decide(0, now: milliseconds(1100))
        #expect(schedule.takeReady(now: milliseconds(1200)) == [])
        #expect(schedule.takeReady(now: milliseconds(1400)) == [0], "3 hangs, too")
        #expect(!schedule.isOver)
    }
}
