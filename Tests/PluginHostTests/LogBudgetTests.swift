import CSluice
import Logging
import ProducerInterface
import Testing

@testable import PluginHost

@Suite("Log lines of plugins", .serialized)
struct LogBudgetTests {
    private let host = HostTable.pointer.pointee

    @Test("a limited number is written in a second; omitted ones are reported once, with the next line")
    func budget() {
        let budget = LogBudget()
        let second = LogBudget.periodNanoseconds
        let admitted = (0..<2500).map { _ in budget.admit(now: 5 * second) }
        #expect(admitted.count { $0.isAdmitted } == LogBudget.linesPerSecond)
        #expect(admitted.allSatisfy { $0.leftOut == 0 })
        #expect(budget.takeLeftOut(now: 6 * second - 1) == nil, "more may come")
        #expect(budget.admit(now: 6 * second) == (true, 1500))
        #expect(budget.admit(now: 6 * second) == (true, 0))
        #expect(budget.takeLeftOut(now: 7 * second) == 0)
    }

    @Test("if a plugin is silent since then, its omitted lines are reported when the second is over")
    func silence() {
        let budget = LogBudget()
        for _ in 0...LogBudget.linesPerSecond { _ = budget.admit(now: LogBudget.periodNanoseconds) }
        #expect(budget.takeLeftOut(now: 2 * LogBudget.periodNanoseconds) == 1)
        #expect(budget.takeLeftOut(now: 2 * LogBudget.periodNanoseconds) == 0)
    }

    @Test("a producer that logs without end does not suppress others")
    func producers() throws {
        let plugin = try loadFixture("NextAsTold", log: "log-budget")
        let loud = HandDrivenStream(plugin.producers[0])
        let quiet = HandDrivenStream(plugin.producers[1])
        for number in 0..<(2 * LogBudget.linesPerSecond) {
            host.log(loud.token.handle, 1, "line \(number)")
            // Other tests log as well, and the number of lines that wait to be written is limited.
            HostLog.drain()
        }
        host.log(quiet.token.handle, 1, "heard")
        let lines = RecordedLog.lines("stream", "\(loud.token)")
        #expect((LogBudget.linesPerSecond..<2 * LogBudget.linesPerSecond).contains(lines.count))
        #expect(RecordedLog.lines("stream", "\(quiet.token)").map(\.text) == ["heard"])
    }
}

@Suite("Owners of streams")
struct StreamOwnersTests {
    private let host = HostTable.pointer.pointee

    /// Uses loops that no other test uses.
    private func token(loop: Int = 200, slot: UInt32, epoch: UInt32) -> StreamToken {
        StreamToken(loop: loop, slot: slot, epoch: epoch)
    }

    @Test("the last two of a slot are known, and no others")
    func lastTwo() {
        for epoch in UInt32(1)...10 { StreamOwners.remember(token(slot: 7, epoch: epoch), number: Int(epoch)) }
        #expect(StreamOwners.number(of: token(slot: 7, epoch: 10)) == 10)
        #expect(StreamOwners.number(of: token(slot: 7, epoch: 9)) == 9)
        for epoch in [1, 8, 11] as [UInt32] { #expect(StreamOwners.number(of: token(slot: 7, epoch: epoch)) == nil) }
        #expect(StreamOwners.number(of: token(slot: 8, epoch: 10)) == nil)
        #expect(StreamOwners.number(of: token(loop: 201, slot: 7, epoch: 10)) == nil)
    }

    @Test("slots without a place of their own replace others, and are never mistaken for them")
    func shared() {
        let (near, far) = (token(slot: 9, epoch: 1), token(slot: 9 + 1 << 19, epoch: 1))
        StreamOwners.remember(near, number: 0)
        #expect(StreamOwners.number(of: far) == nil)
        StreamOwners.remember(far, number: 3)
        StreamOwners.remember(token(slot: 9, epoch: 2), number: 4)
        #expect(StreamOwners.number(of: near) == nil && StreamOwners.number(of: far) == 3)
    }

    @Test("a number that does not fit is not stored")
    func largeNumbers() {
        StreamOwners.remember(token(slot: 10, epoch: 1), number: (1 << 20) - 2)
        #expect(StreamOwners.number(of: token(slot: 10, epoch: 1)) == (1 << 20) - 2)
        StreamOwners.remember(token(slot: 10, epoch: 2), number: (1 << 20) - 1)
        #expect(StreamOwners.number(of: token(slot: 10, epoch: 2)) == nil)
    }

    @Test("a line about a handle of a stream that has ended names plugin and producer")
    func stale() throws {
        let stream = HandDrivenStream(try loadFixture("NextAsTold", log: "stale-owner").producers[0])
        _ = try stream.open()
        #expect(stream.close(.completed))
        stream.end()
        host.wake(stream.token.handle)
        host.log(stream.token.handle, 1, "late")
        let lines = RecordedLog.lines("stream", "\(stream.token)")
        #expect(lines.map(\.text) == ["host->wake was called for a stream that is over", "late"])
        for line in lines {
            #expect(line.metadata["plugin"] == "next-as-told" && line.metadata["producer"] == "nonsense")
        }
    }
}
