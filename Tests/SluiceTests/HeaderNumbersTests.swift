import TestSupport
import Testing

@testable import Sluice

private let notes = Notes()

private struct Told: Producer {
    func events(for request: Request) -> AsyncStream<MessageEvent> { AsyncStream { nil } }
    func finalize(_ reason: CloseReason) { notes.note("\(reason)") }
}

extension PluginTests {
    /// The library's own versions of the constants in `sluice.h`.
    @Suite("Constants of the header")
    struct HeaderNumbersTests {
        let host = FakeHost.reset()

        init() { notes.reset() }

        @Test("close reasons are those of sluice.h, and one that no server uses")
        func closeReasons() throws {
            let said = try headerConstants("SLUICE_CLOSE_")
            #expect(said.count >= 8)
            var known = Dictionary(uniqueKeysWithValues: CloseReason.allCases.map { ("\($0)", Int($0.rawValue)) })
            let unknown = known.removeValue(forKey: "unknown")
            #expect(known == said)
            #expect(unknown.map { !said.values.contains($0) } == true)
        }

        @Test(
            "each reason of the server's reaches finalize; one that the library does not know is unknown, not another")
        func finalized() throws {
            let said = try headerConstants("SLUICE_CLOSE_")
            let newer = said.values.max()! + 1
            for (name, number) in said.merging(["unknown": newer], uniquingKeysWith: { first, _ in first }) {
                notes.reset()
                let stream = try DrivenStream(Told.self, on: host)
                #expect(stream.close(raw: Int32(number)))
                #expect(notes.all == [name])
            }
        }

        @Test("options are flags of sluice.h, and the library's own are above them")
        func options() throws {
            let said = try headerConstants("SLUICE_")
            let known = ["shared": ProducerOptions.shared, "resumable": .resumable, "body": .body]
            for (name, option) in known { #expect(try #require(said[name]) == Int(option.rawValue), "\(name)") }
            #expect(ProducerOptions.blocking.rawValue > 0xffff)
        }
    }
}
