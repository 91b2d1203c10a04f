import StreamLoop
import TestSupport
import Testing

@Suite("Timer heap")
struct TimerHeapTests {
    @Test("it agrees with a list of deadlines, whatever is done to both")
    func model() {
        var random = SeededRandom.fromEnvironment(test: "TimerHeap")
        for size in [1, 3, 5, 64, 500] {
            var heap = TimerHeap()
            var model: [UInt32: Int64] = [:]
            for _ in 0..<20_000 {
                let slot = UInt32.random(in: 0..<UInt32(size), using: &random)
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let deadline = Int64.random(in: 0..<Int64(size) * 4, using: &random)
                    heap.set(slot, to: deadline)
                    model[slot] = deadline
                case 5..<8:
                    heap.set(slot, to: .max)
                    model[slot] = nil
                default:
                    let now = Int64.random(in: 0..<Int64(size) * 4, using: &random)
                    let due = heap.firstDue(at: now)
                    let earliest = model.values.min() ?? .max
                    #expect((due != nil) == (earliest <= now))
                    if let due { #expect(model[due] == earliest) }
                }
                #expect(heap.earliest == model.values.min() ?? .max)
                #expect(heap.deadline(of: slot) == model[slot])
                #expect(heap.isEmpty == model.isEmpty)
            }
            // The rest comes out in order.
            var last = Int64.min
            while let slot = heap.firstDue(at: .max - 1) {
                let deadline = heap.deadline(of: slot)!
                #expect(deadline >= last && model.removeValue(forKey: slot) == deadline)
                last = deadline
                heap.set(slot, to: .max)
            }
            #expect(model.isEmpty && heap.isEmpty)
        }
    }

    @Test("it grows to any slot, and slots that were never set have no deadline")
    func grows() {
        var heap = TimerHeap()
        #expect(heap.deadline(of: 1 << 20) == nil)
        heap.set(1 << 20, to: 5)
        heap.set(1 << 20 + 1, to: .max)
        #expect(heap.firstDue(at: 5) == 1 << 20)
        #expect(heap.firstDue(at: 4) == nil)
        for slot in UInt32(0)..<1000 { heap.set(slot, to: Int64(1000 - slot)) }
        #expect(heap.earliest == 1 && heap.firstDue(at: 1) == 999)
    }
}
