import ProducerInterface
import TestSupport
import Testing

/// The check that the other suites rely on must itself find every violation.
@Suite("The ledger's check")
struct LedgerTests {
    private func violations(_ lines: String, allowsOpen: Bool = false) -> [String] {
        let entries = lines.split(separator: ";").enumerated().compactMap { number, line in
            LedgerEntry("\(number) 7 plugin 100.\(line.contains("shutdown") ? 0 : 1) \(line)")
        }
        return entries.violations(allowsOpen: allowsOpen)
    }

    @Test(
        "accepts a correct stream",
        arguments: [
            "open-enter a -;open-left 0;next-enter;next-left 0;close-enter 3;close-left 0;shutdown",
            "open-enter a -;open-left 0;close-enter 3;close-left 1;closed",
            "open-enter a -;open-left 0;close-enter 3;closed;close-left 1;shutdown",
            "open-enter a -;open-left 3;opened 0;next-enter;interrupt-enter;interrupt-left;next-left 1;close-enter 8;close-left 0",
            "open-enter a -;opened 0;open-left 3;close-enter 1;close-left 0",
            "open-enter a -;open-left 2", "open-enter a -;open-left 3;opened 1",
        ])
    func accepts(_ lines: String) {
        #expect(violations(lines) == [])
    }

    @Test(
        "finds each broken promise",
        arguments: [
            ("open-enter a -;open-left 0", "never closed"),
            ("open-enter a -;open-left 0;close-enter 3;close-left 1", "never closed"),
            ("open-enter a -;open-left 0;close-enter 3;close-left 0;close-enter 3;close-left 0", "2 times"),
            ("open-enter a -;open-left 1;close-enter 3;close-left 0", "before open had answered OK"),
            ("open-enter a -;open-left 3;next-enter;next-left 0;opened 1", "before open had answered OK"),
            ("open-enter a -;open-left 0;next-enter;close-enter 3;close-left 0", "within next"),
            ("open-enter a -;open-left 0;close-enter 3;close-left 0;next-enter;next-left 0", "after close"),
            ("open-enter a -;close-enter 3;close-left 0;open-left 0", "within open"),
            ("open-enter a -;open-left 0;overlap next;close-enter 3;close-left 0", "overlapped"),
            (
                "open-enter a -;open-left 0;close-enter 3;close-left 0;interrupt-enter;interrupt-left",
                "interrupt was called after close"
            ),
            ("open-enter a -;open-left 0;interrupt-enter;close-enter 3;close-left 0", "within interrupt"),
            ("open-enter a -;open-left 0;shutdown;close-enter 3;close-left 0", "after shutdown"),
        ])
    func finds(_ lines: String, _ violation: String) {
        #expect(violations(lines).contains { $0.contains(violation) }, "\(violations(lines))")
    }

    @Test("finds a stream's tag, last event id and reason")
    func reads() throws {
        let entries = ["open-enter a 41", "open-left 0", "close-enter 5", "close-left 0"].compactMap {
            LedgerEntry("1 2 plugin 100.1 \($0)")
        }
        let stream = try #require(LedgerStream.all(in: entries).first)
        #expect(stream.tag == "a")
        #expect(stream.lastEventID == "41")
        #expect(stream.reason == .expired)
        #expect(stream.isOver)
    }
}
