import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("What streams take up")
struct AdmissionTests {
    private let stage = Stage()
    private let entry: ProducerEntry
    private var limits = Limits()

    init() { entry = stage.entry(FakeProducer()) }

    private func isFree(live: Int = 0) -> Bool {
        stage.runtime.figures().streams.open == 0 && stage.runtime.figures().streams.threads == 0
            && entry.generation.liveStreams == live
            && (try? probe()) != nil
    }

    /// The producer's only place is free.
    private func probe() throws(Overload) {
        var limits = Limits()
        limits.maxStreamsPerProducer = 1
        var admission = Admission(of: entry, in: stage.streams)
        try admission.takePlaces(limits)
    }

    @Test("what was taken goes back with the value, wherever it ends")
    func undo() throws {
        func take() throws {
            var admission = Admission(of: entry, in: stage.streams)
            try admission.takePlaces(limits)
            #expect(stage.runtime.figures().streams.open == 1)
            #expect(admission.enterGeneration() && entry.generation.liveStreams == 1)
            throw Overload(limit: "some")
        }
        #expect(throws: Overload.self) { try take() }
        #expect(isFree())
    }

    @Test("a place too many is not kept")
    func limited() throws {
        var limits = limits
        limits.maxStreamsPerProducer = 0
        var admission = Admission(of: entry, in: stage.streams)
        let error = #expect(throws: Overload.self) { try admission.takePlaces(limits) }
        #expect(error?.limit == "max-streams-per-producer")
        admission.giveBack()
        #expect(isFree())
    }

    @Test("what a row holds is not given back, until it is taken from the row")
    func settled() throws {
        let visitor = try stage.subscribe(FakeProducer())
        let row = stage.streams.table[visitor.slot!]
        #expect(stage.runtime.figures().streams.open == 1)
        do {
            let admission = Admission(heldBy: row, in: stage.streams)
            admission.settle()
        }
        #expect(stage.runtime.figures().streams.open == 1)
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("places may be given back before the generation is left")
    func inParts() throws {
        var admission = Admission(of: entry, in: stage.streams)
        try admission.takePlaces(limits)
        _ = admission.enterGeneration()
        admission.freePlaces()
        #expect(isFree(live: 1))
        admission.giveBack()
        #expect(isFree())
    }

    @Test("a generation that has been shut down is not entered")
    func over() {
        entry.generation.retire()
        var admission = Admission(of: entry, in: stage.streams)
        let isEntered = admission.enterGeneration()
        #expect(!isEntered)
        admission.giveBack()
        #expect(entry.generation.liveStreams == 0)
    }

    @Test("a thread's place goes back once, also when it has moved")
    func threads() throws {
        final class Keeper { var place: ThreadPlace? }
        let keeper = Keeper()
        keeper.place = ThreadPlace.add(in: stage.runtime.counts)
        #expect(stage.runtime.figures().streams.threads == 1)
        let other = Keeper()
        other.place = keeper.place.take()
        #expect(stage.runtime.figures().streams.threads == 1)
        keeper.place = nil
        #expect(stage.runtime.figures().streams.threads == 1)
        other.place = nil
        #expect(stage.runtime.figures().streams.threads == 0)
    }
}
