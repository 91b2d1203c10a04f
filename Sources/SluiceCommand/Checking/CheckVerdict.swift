import Glibc

/// What a check came to, told as it goes for people, or at its end as JSON.
struct CheckVerdict {
    let file: String
    let seed: UInt64
    let writesJSON: Bool
    private(set) var findingCount = 0
    private var producers: [(name: String, trials: [JSONValue])] = []

    init(file: String, seed: UInt64, writesJSON: Bool) {
        self.file = file
        self.seed = seed
        self.writesJSON = writesJSON
    }

    mutating func begin() {
        if !writesJSON { say("\(file), seed \(seed)") }
    }

    mutating func take(_ outcome: TrialRun.Outcome, of trial: CheckTrial, producer: String) {
        if producers.last?.name != producer {
            producers.append((producer, []))
            if !writesJSON { say("\n\(producer)") }
        }
        findingCount += outcome.findings.count
        let word = outcome.skipped != nil ? "skipped" : outcome.findings.isEmpty ? "good" : "BAD"
        if writesJSON {
            producers[producers.count - 1].trials.append(json(outcome, trial, word))
        } else {
            say("  \(padded(trial.rawValue, 11)) \(padded(word, 8)) \(outcome.skipped ?? trial.title)")
            for finding in outcome.findings { say("      \(finding.kind.rawValue): \(finding.text)") }
            for figure in outcome.figures { say("      \(figure.name): \(figure.value)") }
        }
    }

    func end() {
        let verdict = findingCount == 0 ? "good" : "bad"
        guard writesJSON else {
            return say(
                findingCount == 0
                    ? "\ngood: nothing was found"
                    : "\nbad: \(findingCount) finding\(findingCount == 1 ? "" : "s"); --seed \(seed) tries the same again"
            )
        }
        let all = producers.map { JSONValue.object([("name", .text($0.name)), ("trials", .array($0.trials))]) }
        say(
            JSONValue.object([
                ("file", .text(file)), ("seed", .text("\(seed)")), ("verdict", .text(verdict)),
                ("producers", .array(all)),
            ]).pretty())
    }

    private func json(_ outcome: TrialRun.Outcome, _ trial: CheckTrial, _ word: String) -> JSONValue {
        .object([
            ("trial", .text(trial.rawValue)), ("verdict", .text(word.lowercased())),
            ("skipped", outcome.skipped.map(JSONValue.text) ?? .null),
            (
                "findings",
                .array(
                    outcome.findings.map {
                        .object([("kind", .text($0.kind.rawValue)), ("text", .text($0.text))])
                    })
            ),
            ("figures", .object(outcome.figures.map { ($0.name, .text($0.value)) })),
            ("milliseconds", .text("\(outcome.duration)")),
        ])
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// The texts are partly the plugin's: none of them may drive the terminal.
    private func say(_ text: String) {
        var line = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 && scalar != "\n" || scalar.value == 0x7f {
                JSONValue.appendEscaped(scalar, to: &line)
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        writeFully(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }
}
