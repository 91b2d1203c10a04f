import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("The habit of stalling")
struct StallHabitTests {
    private let second: Int64 = 1_000_000_000

    @Test("several stalls within ten seconds are a habit; as many in a longer time are not")
    func habit() {
        var habit = StallHabit()
        #expect(habit.stalled(at: 100 * second) == nil && habit.stalled(at: 105 * second) == nil)
        #expect(habit.stalled(at: 110 * second) == nil, "the first was ten seconds ago")
        #expect(habit.end == 0)
        #expect(habit.stalled(at: 114 * second) == 60 * second && habit.end == 174 * second)
    }

    @Test("a producer that soon stalls again has threads for twice as long, up to an hour; otherwise it starts anew")
    func penalties() {
        var habit = StallHabit()
        var now = 100 * second
        var penalties: [Int64] = []
        for _ in 0..<9 {
            habit.hung(at: now)
            penalties.append((habit.end - now) / second)
            now = habit.end + second
        }
        #expect(penalties == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
        habit.hung(at: now)
        habit.hung(at: now + second)
        #expect(habit.end == now + 3601 * second, "the same incident, on another loop, perhaps")
        now = habit.end + 3600 * second
        habit.hung(at: now)
        #expect(habit.end == now + 60 * second)
    }

    @Test("streams of a producer that stalls stay on the loop while no thread is free; those of one that hangs do not")
    func noThreadFree() throws {
        var limits = Limits()
        limits.maxThreads = 0
        let stage = Stage(limits)
        let producer = FakeProducer([.event("a", wait: -1)])
        let (stalling, hanging) = (stage.entry(producer), stage.entry(FakeProducer()))
        for _ in 0..<StallHabit.stallsMax { _ = stalling.noteStall(at: stage.system.time) }
        hanging.noteHang(at: stage.system.time)
        let visitor = try stage.subscribe(stalling)
        #expect(visitor.text == frame("a") && stage.runtime.figures().streams.threads == 0)
        #expect(throws: Overload(limit: "max-threads")) { try stage.open(hanging) }
        stage.pass(milliseconds: 61_000)
        _ = try stage.open(hanging)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
    }

    @Test("after its time, a producer's new streams are on loops again")
    func forgiven() throws {
        let stage = Stage()
        let entry = stage.entry(FakeProducer([.event("a", wait: -1)]))
        for _ in 0..<StallHabit.stallsMax { _ = entry.noteStall(at: stage.system.time) }
        #expect(entry.usesThreads(at: stage.system.time))
        stage.pass(milliseconds: 60_000)
        #expect(!entry.usesThreads(at: stage.system.time))
        let visitor = try stage.subscribe(entry)
        #expect(visitor.text == frame("a") && stage.runtime.figures().streams.threads == 0)
    }
}
