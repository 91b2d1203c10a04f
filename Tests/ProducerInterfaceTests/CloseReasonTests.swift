import ProducerInterface
import Testing

@Suite("Close reason")
struct CloseReasonTests {
    @Test("numbers and names are those of sluice.h")
    func numbers() throws {
        #expect(
            CloseReason.allCases.map { "\($0.rawValue) \($0.name)" } == [
                "1 completed", "2 failed", "3 disconnected", "4 slow", "5 expired", "6 reloaded", "7 removed",
                "8 shutdown",
            ])
    }
}
