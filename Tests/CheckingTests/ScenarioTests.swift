import Testing

@testable import Checking

@Suite("Scenarios: what their processes tell")
struct ScenarioTests {
    @Test(
        "a line is read as it was written",
        arguments: [
            ScenarioLine.finding(Finding(kind: .neverEnds, text: "3 streams")), .figure(name: "next", value: "0.8 us"),
            .skipped("it has no parameters"), .done,
        ])
    func lines(line: ScenarioLine) {
        #expect(ScenarioLine(line.text) == line)
    }

    @Test(
        "what no scenario writes is not taken for a line",
        arguments: ["", "find", "finding\tcra", "finding\tlove\tx", "done\t", "x\ty"])
    func garbage(text: String) {
        #expect(ScenarioLine(text) == nil)
    }

    @Test("text with tabs and line ends stays on one line")
    func oneLine() {
        #expect(ScenarioLine.finding(Finding(kind: .crash, text: "a\tb\nc")).text == "finding\tcrash\ta b c")
    }

    @Test("a broken rule is a finding, a plugin's own reason to fail is none")
    func logLines() {
        func finding(_ message: String, _ metadata: [String: String] = [:]) -> Finding? {
            Finding(ofLogLine: message, metadata)
        }
        let broken = ["error": "the contract of sluice.h was broken: next answered 42", "during": "next"]
        #expect(finding("stream failed", broken)?.kind == .contract)
        #expect(finding("stream failed", ["error": "the sensor is unplugged", "during": "next"]) == nil)
        #expect(finding("host->emit was called for a stream that is over")?.kind == .late)
        #expect(finding("host->set_header was given a name that HTTP forbids")?.kind == .misuse)
        let stall = "producer stalls its loop despite SLUICE_NONBLOCKING; its streams run on threads for the next 60 s"
        #expect(finding(stall)?.kind == .blocking)
        let hangs = finding(
            "producer does not return despite SLUICE_NONBLOCKING; its loop continues without it", ["function": "open"]
        )
        #expect(
            hangs
                == Finding(
                    kind: .blocking, text: "open does not return, but SLUICE_NONBLOCKING promises less than 1 ms"))
        #expect(
            finding("producer has ended a thread of the server (pthread_exit)", ["function": "next"])?.kind == .contract
        )
        #expect(finding("the plugin says so") == nil)
    }
}
