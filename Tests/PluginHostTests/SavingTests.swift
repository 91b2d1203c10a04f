import CSluice
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("What a stream hands over")
struct SavingTests {
    private let host = HostTable.pointer.pointee

    private func logged(_ label: String) -> [String] { RecordedLog.lines("test", label).map(\.text) }

    /// A stream that saves as told, and what it saved.
    private func saved(_ bytes: Int, into received: [UInt8]? = nil, log: String = "test") throws -> (
        saved: [UInt8]?, heard: String, said: String
    ) {
        let stream = try HandDrivenStream(loadFixture("SavesAsTold", log: log), "saves-as-told")
        var request = try stream.request(query: [.init("bytes", "\(bytes)")])
        request.saved = received
        #expect(try stream.open(request).text == "opened ")
        _ = stream.pull(events: 1)
        let heard = stream.text()
        let saved = stream.producer.save(stream.token, state: stream.state)
        let left: [UInt8]?? = StreamMaps.saving[stream.token]
        #expect(left == .none)
        _ = stream.pull(events: 1)
        let said = stream.text()
        // The log takes only a few lines of a kind: one of this is enough.
        if log == "null save" { #expect(!host.save(stream.token.handle, "late", 4), "only within save") }
        #expect(stream.close(.reloaded))
        return (saved, heard, said)
    }

    @Test("bytes come out as they went in, and the last ones count; the next stream reads them in open")
    func bytes() throws {
        let few = try saved(5)
        #expect(few.saved == Array("fffff".utf8) && few.said == "data: kept\n\n" && few.heard == "data: nothing\n\n")
        #expect(try saved(0, into: few.saved).heard == "data: 5 f\n\n")
        #expect(try saved(0).saved == [])
        #expect(try saved(-1, into: []).heard == "data: 0 -\n\n")
        #expect(try saved(-3).saved == Array("fffff".utf8))
        #expect(try saved(HostAnswers.savedBytesMax).saved?.count == 1 << 20)
    }

    @Test("nothing, too much and NULL are nothing; each mistake is logged")
    func refused() throws {
        #expect(try saved(-1).saved == nil)
        let large = try saved(HostAnswers.savedBytesMax + 1, log: "large save")
        #expect(large.saved == nil && large.said == "data: not kept\n\n")
        #expect(logged("large save").contains { $0.contains("host->save was given more than 1048576 bytes") })
        let null = try saved(-2, log: "null save")
        #expect(null.saved == nil)
        #expect(logged("null save").contains { $0.contains("host->save was given no bytes") })
        #expect(logged("null save").contains { $0.contains("host->save was called outside of save") })
    }

    @Test("a producer of another generation takes over its parameters, by name and value, where its signature has them")
    func parameters() throws {
        let old = try HandDrivenStream(loadFixture("SavesAsTold"), "saves-as-told").producer
        let new = try HandDrivenStream(loadFixture("SavesAsTold"), "saves-as-told").producer
        let other = try HandDrivenStream(loadFixture("MarkedByBuild", defines: ["BUILD=1"]), "own").producer
        let given = try old.resolve(path: [], query: [.init("bytes", "12")])
        #expect(new.adopt(given)?.canonical == "bytes=12")
        #expect(
            other.adopt(given)?.canonical == "every=20",
            "what it does not know is left out, what is missing has its default")
        #expect(try HandDrivenStream(loadFixture("EchoesParameters"), "echo").producer.adopt(given) == nil)
        let much = try old.resolve(path: [], query: [.init("bytes", "2000000001")])
        let narrower = try HandDrivenStream(
            loadFixture("SavesAsTold", defines: ["RANGE=\" in ...2000000000\""]), "saves-as-told")
        #expect(narrower.producer.adopt(given) != nil && narrower.producer.adopt(much) == nil)
    }
}
