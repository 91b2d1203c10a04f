import ProducerInterface
import TestSupport
import Testing

@Suite("Close reason")
struct CloseReasonTests {
    @Test("numbers and names are those of sluice.h, and none is missing")
    func numbers() throws {
        let known = Dictionary(uniqueKeysWithValues: CloseReason.allCases.map { ($0.name, Int($0.rawValue)) })
        let said = try headerConstants("SLUICE_CLOSE_")
        #expect(said.count >= 8)
        #expect(known == said)
    }
}
