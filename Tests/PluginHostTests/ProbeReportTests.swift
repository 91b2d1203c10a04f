import TestSupport
import Testing

@testable import PluginHost

@Suite("The report of a probe")
struct ProbeReportTests {
    private static let accepted = ProbeReport.Verdict.accepted(content: "0123", declaration: "clock\n1.0\nπ")

    private static func whole(_ records: [UInt8]...) -> [UInt8] { ProbeReport.mark + records.joined() }

    @Test("is read as it was written, however it is cut")
    func cut() {
        let bytes = Self.whole(
            ProbeReport.record(.constructors), ProbeReport.record(.entry), ProbeReport.record(.manifest),
            ProbeReport.record(Self.accepted))
        for size in [1, 2, 3, 7, bytes.count] {
            var report = ProbeReport()
            for start in stride(from: 0, to: bytes.count, by: size) {
                #expect(report.verdict == nil)
                report.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(report.verdict == Self.accepted && report.stage == .manifest && !report.isGarbage)
        }
    }

    @Test("says how far a probe came that did not end")
    func stages() {
        var report = ProbeReport()
        #expect(report.stage == .starting)
        report.take(ProbeReport.mark)
        for stage in [ProbeReport.Stage.constructors, .entry, .manifest] {
            report.take(ProbeReport.record(stage))
            #expect(report.stage == stage && report.verdict == nil)
        }
        report.take(ProbeReport.outOfMemory)
        #expect(report.isOutOfMemory && !report.isGarbage)
    }

    @Test("a refusal becomes one line, whatever it holds")
    func refused() {
        var report = ProbeReport()
        report.take(Self.whole(ProbeReport.record(.refused(Defect("it\nis\u{1b}[2J", remedy: "mend\r it")))))
        #expect(report.verdict == .refused(Defect("it is [2J", remedy: "mend  it")))
    }

    @Test("what follows a verdict is ignored")
    func afterwards() {
        var report = ProbeReport()
        report.take(Self.whole(ProbeReport.record(Self.accepted), [0, 1, 2]))
        report.take(ProbeReport.record(.refused(Defect("no", remedy: "none"))))
        #expect(report.verdict == Self.accepted && !report.isGarbage)
    }

    @Test(
        "anything else is garbage",
        arguments: [
            Array("HTTP/1.1 200 OK".utf8), Array("SLP2".utf8), [0], Array("SLP1".utf8) + [0xff, 0, 0, 0, 0],
            Array("SLP1r".utf8) + [0xff, 0xff, 0xff, 0xff], Array("SLP1r".utf8) + [1, 0, 0, 0, 0x41],
            Array("SLP1a".utf8) + [2, 0, 0, 0, 0xff, 0], Array("SLP1c".utf8) + [1, 0, 0, 0, 0x41],
        ])
    func garbage(bytes: [UInt8]) {
        var report = ProbeReport()
        report.take(bytes)
        #expect(report.isGarbage && report.verdict == nil)
    }

    @Test("one without end is garbage, too")
    func endless() {
        var report = ProbeReport()
        report.take(ProbeReport.mark)
        let record = ProbeReport.record(.entry)
        let records = [[UInt8]](repeating: record, count: 4096).flatMap { $0 }
        for _ in 0...(ProbeReport.bytesMax / records.count) { report.take(records) }
        #expect(report.isGarbage)
    }

    @Test("random bytes never trap, and are never a verdict")
    func random() {
        var random = SeededRandom.fromEnvironment(test: "ProbeReportTests.random")
        for _ in 0..<2000 {
            var report = ProbeReport()
            var bytes = Bool.random(using: &random) ? ProbeReport.mark : []
            let kinds = Array("sceamro".utf8)
            for _ in 0..<Int.random(in: 0..<40, using: &random) {
                bytes.append(
                    Bool.random(using: &random)
                        ? kinds.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random))
            }
            report.take(bytes)
            if case .accepted = report.verdict { Issue.record("accepted: \(bytes)") }
        }
    }
}

@Suite("The verdict on a plugin after its probe")
struct ProbeOutcomeTests {
    private func outcome(
        _ records: [UInt8]..., ending: ProbeOutcome.Ending, output: String = ""
    ) -> ProbeOutcome {
        var report = ProbeReport()
        report.take(ProbeReport.mark + records.joined())
        var settings = Prober.Settings()
        settings.deadlineNanoseconds = 2_500_000_000
        settings.memoryBytes = 64 << 20
        return ProbeOutcome(report: report, ending: ending, output: Array(output.utf8), settings: settings)
    }

    private func refusal(_ outcome: ProbeOutcome) -> String {
        do {
            return "accepted: \(try outcome.declaration(ofContent: "c"))"
        } catch {
            return "\(error.rule); \(error.remedy)"
        }
    }

    private let acceptance = ProbeReport.record(.accepted(content: "c", declaration: "d"))

    @Test("accepted is what says so, of the content that is meant")
    func accepted() throws {
        #expect(try outcome(acceptance, ending: .status(0)).declaration(ofContent: "c") == "d")
        // Its process may well crash afterwards: it is killed anyway.
        #expect(try outcome(acceptance, ending: .late).declaration(ofContent: "c") == "d")
        #expect(throws: Defect.self) { try outcome(acceptance, ending: .status(0)).declaration(ofContent: "other") }
    }

    @Test("each other end is named, with whose code it was")
    func ends() {
        let (constructors, entry) = (ProbeReport.record(.constructors), ProbeReport.record(.entry))
        let expected: [(ProbeOutcome, String)] = [
            (outcome(constructors, ending: .signal(11)), "its constructors ended the probe (SIGSEGV); "),
            (outcome(constructors, ending: .signal(40)), "its constructors ended the probe (signal 40); "),
            (outcome(entry, ending: .status(3)), "its entry ended the process (exit status 3); "),
            (outcome(entry, ending: .status(0)), "its entry ended the process (exit status 0); "),
            (outcome(entry, ending: .status(117)), "its entry closed the descriptors of the process; "),
            (outcome(entry, ending: .late), "its entry did not finish within 2500 ms; "),
            (outcome(entry, ending: .unknown), "its entry ended the process; "),
            (outcome(ending: .late), "the probe did not start within 2500 ms; "),
            (outcome(ending: .status(127)), "the probe ended the process (exit status 127); "),
            (
                outcome(entry, ProbeReport.outOfMemory, ending: .signal(6)),
                "its entry ran out of memory (64 MiB, then SIGABRT); "
            ),
            (
                outcome(entry, ending: .signal(6), output: "terminate called\n\n\u{7} after\tthrowing"),
                "its entry ended the probe (SIGABRT), after writing \"terminate called after throwing\"; "
            ),
        ]
        for (outcome, rule) in expected {
            #expect(refusal(outcome).hasPrefix(rule), "\(refusal(outcome))")
            #expect(!refusal(outcome).contains("\n"))
        }
    }

    @Test("garbage is refused, even when the process ends well")
    func garbage() {
        #expect(refusal(outcome([0, 1, 2, 3, 4, 5], ending: .status(0))).contains("did not open"))
    }
}
