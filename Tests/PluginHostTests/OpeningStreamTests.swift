import CSluice
import EventStream
import ForeignFunction
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

@Suite("A stream that opens")
struct OpeningStreamTests {
    private func opening() throws -> OpeningStream {
        let parameters = try PluginParameters(of: Signature(parsing: ""), path: [], query: [])
        let request = StreamRequest(
            method: "GET", path: "/", query: [.init("q", "1")], headers: [], remoteAddress: "::1", lastEventID: nil,
            body: [],
            parameters: parameters)
        return OpeningStream(request: request, parameters: parameters, arguments: nil, configured: { _ in nil })
    }

    @Test("an answer that comes before open has returned is held until then")
    func held() throws {
        let opening = try opening()
        guard case .held = opening.opened(OpenStatus.end) else { return #expect(Bool(false), "not held") }
        guard case .repeated = opening.opened(OpenStatus.ok) else { return #expect(Bool(false), "taken twice") }
        var contradictions = 0
        #expect(opening.returned(OpenStatus.pending, contradicted: { contradictions += 1 }).text == "ended")
        #expect(contradictions == 0)
    }

    @Test("what open returns counts more than an answer that it gave on the way")
    func contradiction() throws {
        let opening = try opening()
        _ = opening.opened(OpenStatus.end)
        var contradictions = 0
        #expect(opening.returned(OpenStatus.ok, contradicted: { contradictions += 1 }).text == "opened ")
        #expect(contradictions == 1)
        guard case .repeated = opening.opened(OpenStatus.ok) else { return #expect(Bool(false), "taken twice") }
    }

    @Test("a later rejection with a proper status makes up for an earlier one without")
    func rejectTwice() throws {
        let opening = try opening()
        opening.reject(status: 399, message: "a")
        opening.reject(status: 599, message: "b")
        #expect(opening.returned(OpenStatus.reject).text == "rejected 599 b")
    }

    @Test("so many headers may be added, and no more")
    func headers() throws {
        let opening = try opening()
        for number in 0..<ResponseHeader.countMax { #expect(opening.addHeader(.init("X-\(number)", ""))) }
        #expect(!opening.addHeader(.init("X-More", "")))
    }

    @Test("whoever is first, open's return or another thread's answer, the stream is answered exactly once")
    func race() async throws {
        for round in 0..<2000 {
            let opening = try opening()
            async let answered = Task.detached { opening.opened(OpenStatus.end) }.value
            if round % 2 == 0 { await Task.yield() }
            let returned = opening.returned(OpenStatus.pending)
            switch (await answered, returned) {
            case (.held, .ended), (.outcome(.ended), .pending): continue
            case (let answered, let returned): #expect(Bool(false), "round \(round): \(answered), \(returned)")
            }
        }
    }

    @Test("texts that are lent stay where they are while other threads ask")
    func lending() async throws {
        let opening = try opening()
        let first = try #require(opening.lend(.query("q")))
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<100 { #expect(opening.lend(.query("q"))?.start == first.start) }
                }
            }
        }
        #expect(String(cString: first.start) == "1")
    }
}

@Suite("What streams hold now and then")
struct StreamTableTests {
    @Test("leftovers of streams that are over are swept when there are many")
    func sweep() throws {
        _ = FakeRuntime.shared
        let producer = try #require(loadFixture("Plain").producers.first)
        let live = FakeRuntime.shared.begin(producer)
        StreamTables.keepFailure("kept", of: live)
        // As if a thread had spoken for each of them in the very moment of its end.
        for slot in 0..<UInt32(4 * StreamTables.sweepCountMin) {
            StreamTables.keepFailure("left", of: StreamToken(loop: 9, slot: slot, epoch: 1))
        }
        #expect(StreamTables.failure.count <= 2 * StreamTables.sweepCountMin)
        #expect(StreamTables.failure[live] == "kept")
        StreamTables.failure.sweep { $0.loop == 9 || $0 == live }
        FakeRuntime.shared.end(live)
    }
}
