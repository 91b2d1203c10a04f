import CommandOutput
import Glibc

/// What a check came to, told as it goes for people, or at its end as JSON.
struct CheckVerdict {
    let file: String
    let seed: UInt64
    let writesJSON: Bool
    private(set) var findingCount = 0
    private var producers: [Producer] = []

    /// The whole of it as JSON: all values are texts.
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
        /// What was measured, by its name.
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
        let word = outcome.skipped != nil ? "skipped" : outcome.findings.isEmpty ? "good" : "BAD"
        if writesJSON {
            producers[producers.count - 1].scenarios.append(Self.record(outcome, scenario, word))
        } else {
            let shown = ["good": "passed", "BAD": "FAILED"][word] ?? word
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
                    ? "\npassed: nothing was found"
                    : "\nfailed: \(findingCount) finding\(findingCount == 1 ? "" : "s"); --seed \(seed) repeats this run"
            )
        }
        let summary = Summary(file: file, seed: "\(seed)", verdict: verdict, producers: producers)
        writeFully(JSONText.pretty(summary), to: STDOUT_FILENO)
    }

    private static func record(_ outcome: ScenarioRun.Outcome, _ scenario: Scenario, _ word: String) -> ScenarioRecord {
        ScenarioRecord(
            scenario: scenario.rawValue, verdict: word.lowercased(), skipped: outcome.skipped,
            findings: outcome.findings,
            figures: Dictionary(outcome.figures.map { ($0.name, $0.value) }) { first, _ in first },
            milliseconds: "\(outcome.durationMilliseconds)")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// The texts are partly the plugin's: none of them may drive the terminal.
    private func say(_ text: String) {
        writeFully(EscapedText.printableLines(text) + "\n", to: STDOUT_FILENO)
    }
}
