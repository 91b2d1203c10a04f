import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Marks of wakes", .onTestThreads)
struct WakeMarkTests {
    /// A table with one stream, created like in `StreamOpening.openGate`.
    private static func table(isThreaded: Bool = false) -> (StreamTable, StreamToken) {
        let table = StreamTable()
        let slot = table.allocate()!
        return (table, StreamToken(loop: 0, slot: slot, epoch: table.beginUse(slot, with: gate(isThreaded))))
    }

    private static func gate(_ isThreaded: Bool = false) -> StreamGate {
        var gate = StreamGate()
        gate.isLive = true
        gate.isThreaded = isThreaded
        return gate
    }

    @Test("the loop is notified once, until it has looked")
    func once() {
        let (table, token) = Self.table()
        #expect(table.markWoken(token) == .first)
        #expect(table.markWoken(token) == .pending)
        #expect(table.takeWake(token.slot))
        #expect(!table.takeWake(token.slot))
        #expect(table.markWoken(token) == .first)
    }

    @Test("a stream that has ended, and one with a thread, is not marked")
    func notDirect() {
        let (table, token) = Self.table()
        table.withGate(token.slot) { $0.isThreaded = true }
        #expect(table.markWoken(token) == .notDirect)
        table.withGate(token.slot) { $0.isThreaded = false }
        #expect(table.markWoken(token) == .first)
        #expect(table.withGate(of: token) { $0.isLive = false } != nil)
        #expect(table.markWoken(token) == .notDirect)
        #expect(table.withGate(of: token) { _ in } == nil)
        let (threads, threaded) = Self.table(isThreaded: true)
        #expect(threads.markWoken(threaded) == .notDirect)
    }

    @Test("a reused slot begins without a mark, and an old token marks nothing")
    func nextUse() {
        let (table, old) = Self.table()
        #expect(table.markWoken(old) == .first)
        let new = StreamToken(loop: 0, slot: old.slot, epoch: table.beginUse(old.slot, with: Self.gate()))
        #expect(new.epoch == old.epoch + 1)
        #expect(table.markWoken(old) == .notDirect)
        #expect(!table.takeWake(new.slot))
        #expect(table.markWoken(new) == .first)
    }

    @Test("data written before a wake is visible after its mark is removed")
    func nothingLost() {
        let (table, token) = Self.table()
        let total = 10_000
        let written = (0..<4).map { _ in Written() }
        let messages = Watched(0)
        for number in written {
            startThread {
                for value in 1...total {
                    number.value.store(value, ordering: .relaxed)
                    if table.markWoken(token) == .first { messages.update { $0 += 1 } }
                }
            }
        }
        // Like the loop: it only looks when notified. If a wake were lost, it would miss the last values.
        var seen = 0
        while seen < total * written.count {
            let isTold: Void? = messages.wait(.seconds(60)) { $0 > 0 ? () : nil }
            guard isTold != nil else { break }
            messages.update { $0 -= 1 }
            if table.takeWake(token.slot) { seen = written.reduce(0) { $0 + $1.value.load(ordering: .relaxed) } }
        }
        #expect(seen == total * written.count)
    }

    private final class Written: Sendable {
        let value = Atomic(0)
    }
}
