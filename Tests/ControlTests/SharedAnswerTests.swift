import Locks
import Synchronization
import Testing

@testable import Control

@Suite("An answer that several share", .timeLimit(.minutes(1)))
struct SharedAnswerTests {
    @Test("those who ask while one is made share the next, which is made after they asked")
    func sharing() {
        let (gate, begun, done) = (Semaphore(), Semaphore(), Semaphore())
        let made = Atomic(0)
        let answer = SharedAnswer(otherwise: { -1 }) {
            begun.post()
            gate.wait()
            return made.add(1, ordering: .relaxed).newValue
        }
        let taken = Mutex<[String]>([])
        func ask(_ name: String) {
            answer.ask { number in
                taken.withLock { $0.append("\(name) \(number)") }
                done.post()
            }
        }
        ask("a")
        begun.wait()
        for name in ["b", "c", "d"] { ask(name) }
        gate.post()
        gate.post()
        for _ in 0..<4 { done.wait() }
        #expect(taken.withLock(\.self) == ["a 1", "b 2", "c 2", "d 2"])
        ask("e")
        gate.post()
        done.wait()
        #expect(taken.withLock(\.self).last == "e 3", "it is made again for who comes later")
    }

    @Test("without a thread, all who wait get the other answer, and the next attempt starts anew")
    func noThread() {
        let answer = SharedAnswer(otherwise: { "no thread" }, start: { _ in false }) { "made" }
        let taken = Mutex<[String]>([])
        for _ in 0..<2 { answer.ask { text in taken.withLock { $0.append(text) } } }
        #expect(taken.withLock(\.self) == ["no thread", "no thread"])
    }
}
