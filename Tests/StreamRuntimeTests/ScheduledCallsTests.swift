import ProducerInterface
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Scheduled calls: the heap")
struct ScheduledCallsTests {
    @Test("it agrees with a sorted list, whatever is done to both")
    func model() {
        var random = SeededRandom.fromEnvironment(test: "ScheduledCalls")
        var calls = ScheduledCalls()
        // Each call is identified by the number in its context.
        var model: [(due: Int64, number: UInt, stream: StreamToken)] = []
        var next: UInt = 1
        let streams = (1...5).map { StreamToken(loop: 0, slot: $0, epoch: 1) }
        func number(_ call: ScheduledCall) -> UInt { call.call.context }
        for _ in 0..<30_000 {
            let time = Int64.random(in: 0..<1000, using: &random)
            let stream = streams.randomElement(using: &random)!
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<10 where model.count < 500:
                calls.insert(due: time, stream: stream, ProducerCall(function: 0, context: next))
                let place = model.firstIndex { $0.due > time } ?? model.count
                model.insert((time, next, stream), at: place)
                next += 1
            case 10:
                let removed = calls.remove(of: stream)
                #expect(removed.map(number) == model.filter { $0.stream == stream }.map(\.number))
                model.removeAll { $0.stream == stream }
            case 11:
                calls.keep { $0.stream != stream }
                model.removeAll { $0.stream == stream }
            default:
                let call = calls.popDue(at: time)
                if let first = model.first, first.due <= time {
                    #expect(call.map(number) == first.number)
                    model.removeFirst()
                } else {
                    #expect(call == nil)
                }
            }
            #expect(calls.earliest == model.first?.due ?? .max && calls.count == model.count)
        }
        #expect(calls.removeAll().map(number) == model.map(\.number))
        #expect(calls.count == 0 && calls.earliest == .max)
    }
}
