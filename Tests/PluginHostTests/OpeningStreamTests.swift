import CSluice
import ForeignFunction
import Glibc
import ProducerInterface
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
        for number in 0..<ResponseHeader.countMax { #expect(opening.setHeader(.init("X-\(number)", ""))) }
        #expect(!opening.setHeader(.init("X-More", "")))
    }

    @Test("a header that is set again is replaced, but for those that may occur several times")
    func sameHeader() throws {
        let opening = try opening()
        for number in 0..<2 * ResponseHeader.countMax { #expect(opening.setHeader(.init("X-A", "\(number)"))) }
        #expect(opening.setHeader(.init("WWW-Authenticate", "Basic")) && opening.setHeader(.init("Set-Cookie", "a=1")))
        #expect(opening.setHeader(.init("www-authenticate", "Bearer")) && opening.setHeader(.init("set-cookie", "b=2")))
        #expect(opening.setHeader(.init("x-a", "last")))
        #expect(
            opening.returned(OpenStatus.ok).text
                == "opened x-a=last,WWW-Authenticate=Basic,Set-Cookie=a=1,www-authenticate=Bearer,set-cookie=b=2")
    }

    @Test("headers stay, whatever open answers, at once or later", arguments: [false, true])
    func headersOfRefusals(later: Bool) throws {
        for (status, text) in [
            (OpenStatus.end, "ended A=b"), (OpenStatus.reject, "rejected 429 slow down A=b"),
            (OpenStatus.ok, "opened A=b"),
        ] {
            let opening = try opening()
            #expect(opening.setHeader(.init("A", "b")))
            opening.reject(status: 429, message: "slow down")
            guard later else {
                #expect(opening.returned(status).text == text)
                continue
            }
            #expect(opening.returned(OpenStatus.pending).text == "pending")
            guard case .outcome(let outcome) = opening.opened(status) else {
                return #expect(Bool(false), "\(status) is no answer")
            }
            #expect(outcome.text == text)
        }
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
struct StreamMapTests {
    @Test("nothing is kept of a stream that is over, not even what was said in the moment of its end")
    func forgotten() throws {
        let stream = try HandDrivenStream(loadFixture("Plain").producers[0])
        StreamMaps.keepFailure("kept", of: stream.token)
        #expect(StreamMaps.failure[stream.token] == "kept")
        stream.end()
        #expect(StreamMaps.failure[stream.token] == nil)
        StreamMaps.keepFailure("left", of: stream.token)
        #expect(StreamMaps.failure[stream.token] == nil)
    }

    @Test("what save keeps is kept in one step: nothing is left behind by a call that comes too late")
    func replaced() {
        let table = StreamMap<[UInt8]?>()
        let token = StreamToken(loop: 0, slot: 1, epoch: 1)
        #expect(!table.replace(token, with: [1]) && table.count == 0)
        table[token] = .some(nil)
        #expect(table.replace(token, with: [2]))
        #expect(table.remove(token) == [2] && table.count == 0)
    }
}
