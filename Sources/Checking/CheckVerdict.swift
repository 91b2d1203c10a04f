import CommandOutput
import Glibc

/// The result of a check, printed for people as it progresses, or as JSON at the end.
struct CheckVerdict {
    let file: String
    let seed: UInt64
    let writesJSON: Bool
    private(set) var findingCount = 0
    private var producers: [Producer] = []

    /// The JSON output; all values are strings.
    private struct Summary: Encodable {
        let file: String
        let seed: String
        let verdict: String
        let producers: [Producer]
    }

    private struct Producer: Encodable {
        let name: String
        var scenarios: [ScenarioRecord] = []
    }

    private struct ScenarioRecord: Encodable {
        let scenario: String
        let verdict: String
        @OrNull var skipped: String?
        let findings: [Finding]
        /// The measured values, by name.
        let figures: [String: String]
        let milliseconds: String
    }

    init(file: String, seed: UInt64, writesJSON: Bool) {
        self.file = file
        self.seed = seed
        self.writesJSON = writesJSON
    }

    mutating func begin() {
        if !writesJSON { say("\(file), seed \(seed)") }
    }

    mutating func take(_ outcome: ScenarioRun.Outcome, of scenario: Scenario, producer: String) {
        if producers.last?.name != producer {
            producers.append(Producer(name: producer))
            if !writesJSON { say("\n\(producer)") }
        }
        findingCount += outcome.findings.count
        // What the JSON has, and what people read.
        let (word, shown) =
            outcome.skipped != nil
            ? ("skipped", "skipped") : outcome.findings.isEmpty ? ("good", "passed") : ("bad", "FAILED")
        if writesJSON {
            producers[producers.count - 1].scenarios.append(Self.record(outcome, scenario, word))
        } else {
            say("  \(padded(scenario.rawValue, 11)) \(padded(shown, 8)) \(outcome.skipped ?? scenario.title)")
            for finding in outcome.findings { say("      \(finding.kind.rawValue): \(finding.text)") }
            for figure in outcome.figures { say("      \(figure.name): \(figure.value)") }
        }
    }

    func end() {
        let verdict = findingCount == 0 ? "good" : "bad"
        guard writesJSON else {
            return say(
                findingCount == 0
                    ? "\npassed: no defect was found"
                    : "\nfailed: \(findingCount) finding\(findingCount == 1 ? "" : "s"); --seed \(seed) repeats this run"
            )
        }
        let summary = Summary(file: file, seed: "\(seed)", verdict: verdict, producers: producers)
        writeFully(JSONText.pretty(summary), to: STDOUT_FILENO)
    }

    private static func record(_ outcome: ScenarioRun.Outcome, _ scenario: Scenario, _ word: String) -> ScenarioRecord {
        ScenarioRecord(
            scenario: scenario.rawValue, verdict: word, skipped: outcome.skipped,
            findings: outcome.findings,
            figures: Dictionary(outcome.figures.map { ($0.name, $0.value) }) { first, _ in first },
            milliseconds: "\(outcome.durationMilliseconds)")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Parts of the texts come from plugins and must not be able to control the terminal.
    private func say(_ text: String) {
        writeFully(EscapedText.printableLines(text) + "\n", to: STDOUT_FILENO)
    }
}
