import CommandOutput
import TestSupport
import Testing

@testable import Control

@Suite("Requests for reloads", .timeLimit(.minutes(2)))
struct ReloadDeskTests {
    @Test("requests during a reload are all answered by the next one")
    func coalescing() throws {
        let desk = ReloadDesk()
        let answers = Watched<[ReloadOutcome?]>([])
        let posts = Watched(0)
        let ask: @Sendable () -> Void = {
            let outcome = try? desk.ask(seconds: 60) { posts.update { $0 += 1 } }?.get()
            answers.update { $0.append(outcome) }
        }
        startThread(ask)
        #expect(posts.becomes(1, within: .seconds(10)))
        let first = desk.begin().ticket
        #expect(desk.record.isReloading)
        for _ in 0..<3 { startThread(ask) }
        #expect(posts.becomes(4, within: .seconds(10)))
        desk.end(first, .success(ReloadOutcome(unchanged: 1)), at: 100)
        #expect(answers.wait(.seconds(10)) { $0.count == 1 ? $0 : nil }?.first??.unchanged == 1)
        desk.end(desk.begin().ticket, .success(ReloadOutcome(unchanged: 2)), at: 101)
        let all = answers.wait(.seconds(10)) { $0.count == 4 ? $0 : nil }
        #expect(all?.dropFirst().map { $0?.unchanged } == [2, 2, 2])
        #expect(desk.record.count == 2 && desk.record.lastAt == 101 && !desk.record.isReloading)
    }

    @Test("a reload is forced if one of its requests is, and the next one is not")
    func forced() {
        let desk = ReloadDesk()
        let posts = Watched(0)
        for (number, isForced) in [true, false].enumerated() {
            startThread { _ = desk.ask(isForced: isForced, seconds: 60) { posts.update { $0 += 1 } } }
            #expect(posts.becomes(number + 1, within: .seconds(10)))
        }
        #expect(desk.begin().isForced)
        let second = desk.begin()
        #expect(!second.isForced)
        desk.end(second.ticket, .success(ReloadOutcome()), at: 1)
    }

    @Test("the latest refusals are kept, with their times")
    func refusals() {
        let desk = ReloadDesk()
        desk.note(["at the start"], at: 1)
        for number in 0..<30 { desk.end(desk.begin().ticket, .success(ReloadOutcome(refusals: ["\(number)"])), at: 10) }
        desk.end(desk.begin().ticket, .failure(CommandFailure("all wrong")), at: 11)
        let refusals = desk.record.refusals
        #expect(refusals.count == ReloadDesk.refusalsMax)
        #expect(refusals.last == ReloadDesk.Refusal(at: 11, error: "all wrong"))
        #expect(refusals.first == ReloadDesk.Refusal(at: 10, error: "11"))
    }
}
