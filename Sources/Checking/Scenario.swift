/// One way of checking a producer, in its own process.
package enum Scenario: String, CaseIterable, Sendable {
    case events, moments, crowd, leaks, parameters, resume, reload, slow, late, shutdown

    /// A description for people.
    var title: String {
        switch self {
        case .events: "opens a stream and reads its events"
        case .moments: "subscribers that disconnect at any moment, from several threads"
        case .crowd: "many concurrent streams"
        case .leaks: "memory, descriptors and threads left behind by many streams"
        case .parameters: "every parameter at and beyond its bounds"
        case .resume: "resuming after each of several IDs, and from IDs that it did not send"
        case .reload: "a reload of the same plugin with open streams"
        case .slow: "subscribers that read slowly, or not at all"
        case .late: "calls after the end of their stream"
        case .shutdown: "a shutdown of the server with open streams"
        }
    }

    /// How long the process may take. Seconds.
    static let deadlineSeconds = 60
}

/// A defect that a scenario found.
struct Finding: Equatable, Encodable {
    /// The kind of defect, as a word that scripts can look for.
    enum Kind: String, Encodable {
        case crash, hang, contract, blocking, leak, late, resume, reload
        case unopened = "not-opened"
        case neverEnds = "never-ends"
        case misuse
    }

    let kind: Kind
    /// One line for people.
    let text: String
}

/// A line that a scenario's process writes for its parent. Each finding is a line of its own, so a crash does not lose
/// earlier ones.
enum ScenarioLine: Equatable {
    case finding(Finding)
    /// A measured value with its unit: "next, median" and "0.8 µs".
    case figure(name: String, value: String)
    /// Why the scenario does not apply to this producer.
    case skipped(String)
    /// The scenario has finished.
    case done

    private static let separator: Character = "\t"

    var text: String {
        let words =
            switch self {
            case .finding(let finding): ["finding", finding.kind.rawValue, finding.text]
            case .figure(let name, let value): ["figure", name, value]
            case .skipped(let why): ["skipped", why]
            case .done: ["done"]
            }
        return words.map { $0.map { $0 == Self.separator || $0 == "\n" ? " " : String($0) }.joined() }
            .joined(separator: String(Self.separator))
    }

    /// - Returns: `nil` for an invalid line, such as one that a crash cut off.
    init?(_ text: some StringProtocol) {
        let words = String(text).split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
        switch (words.first, words.count) {
        case ("finding", 3):
            guard let kind = Finding.Kind(rawValue: words[1]) else { return nil }
            self = .finding(Finding(kind: kind, text: words[2]))
        case ("figure", 3): self = .figure(name: words[1], value: words[2])
        case ("skipped", 2): self = .skipped(words[1])
        case ("done", 1): self = .done
        default: return nil
        }
    }
}
