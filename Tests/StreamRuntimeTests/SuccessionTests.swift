import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("The steps of a migration")
struct SuccessionTests {
    private let succession = Succession(
        of: StreamToken(loop: 0, slot: 1, epoch: 1),
        by: ProducerEntry(producer: FakeProducer(), generation: Generation(plugin: "fakes", number: 2)))

    private func old(isThreaded: Bool = false, savesState: Bool = false, isPlaced: Bool = false) -> Succession.Old {
        Succession.Old(isThreaded: isThreaded, savesState: savesState, isPlaced: isPlaced)
    }

    @Test("only a thread whose place is not known exactly, or that has state to save, is waited for")
    func begins() {
        #expect(succession.begins(old()) == .here)
        #expect(succession.begins(old(savesState: true)) == .here)
        #expect(succession.begins(old(isThreaded: true, isPlaced: true)) == .here)
        #expect(succession.begins(old(isThreaded: true)) == .onThread)
        #expect(succession.begins(old(isThreaded: true, savesState: true, isPlaced: true)) == .onThread)
    }

    @Test("of a thread's rests, the requested one counts")
    func rests() {
        #expect(!succession.isAwaited(1))
        succession.awaitsRest(2)
        #expect(!succession.isAwaited(1) && succession.isAwaited(2))
    }

    @Test("at rest: an end comes first, then saving, then the open")
    func rested() {
        #expect(succession.rested(old(savesState: true), hasEnded: true) == .ended)
        #expect(succession.rested(old(savesState: true), hasEnded: false) == .save)
        #expect(succession.rested(old(), hasEnded: false) == .open)
        #expect(succession.rested(old(isThreaded: true, isPlaced: true), hasEnded: false) == .open)
        #expect(succession.rested(old(isThreaded: true), hasEnded: false) == .restOnThread)
        succession.awaitsRest(1)
        // On its thread, it has already been asked, and has saved.
        #expect(succession.rested(old(isThreaded: true, savesState: true), hasEnded: false) == .open)
    }

    @Test("the new stream gets the subscriber only if it is open, waited for, wanted, and not told to end")
    func answered() {
        for bits in 0..<16 {
            let (isOpened, isThere, isWanted, isTold) =
                (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0)
            let next = succession.answered(
                isOpened: isOpened, isOldThere: isThere, isOldWanted: isWanted, isTold: isTold)
            #expect((next == .handOver) == (isOpened && isThere && isWanted && !isTold))
            #expect((next == .keepOld) == (!isOpened && isThere))
            #expect((next == .forget) == (!isOpened && !isThere))
        }
    }

    @Test("it is given up once, and ends as the old one does, except for its own ends")
    func ends() {
        succession.opens(StreamToken(loop: 0, slot: 2, epoch: 1), saved: [1], deadline: 100)
        #expect(succession.new?.slot == 2 && succession.saved == [1] && succession.deadline == 100)
        succession.isGivenUp()
        #expect(succession.deadline == .max)
        #expect(Succession.reason(forNewWhenOldEnds: .completed) == .disconnected)
        #expect(Succession.reason(forNewWhenOldEnds: .failed) == .disconnected)
        #expect(Succession.reason(forNewWhenOldEnds: .shutdown) == .shutdown)
    }
}
