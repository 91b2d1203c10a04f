package import ProducerInterface

/// Why a plugin is not loaded, in one line: the file, the rule that it breaks, and what to do.
package struct PluginRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path as the operator wrote it.
    package let file: String
    /// What is wrong, as the rest of a sentence that begins with the file.
    package let rule: String
    /// What to do about it.
    package let remedy: String
    package let cause: RefusalCause
    package let step: RefusalStep

    package init(
        file: String, rule: String, remedy: String, cause: RefusalCause = .content, step: RefusalStep = .load
    ) {
        self.file = file
        self.rule = rule
        self.remedy = remedy
        self.cause = cause
        self.step = step
    }

    package var description: String { "\(file): \(rule); \(remedy)" }
}

/// A broken rule, found where the file's name is not known.
struct Defect: Error, Equatable {
    let rule: String
    let remedy: String
    let cause: RefusalCause
    /// The plugin itself told the probe, by what it declares.
    var isDeclared = false

    init(_ rule: String, remedy: String, cause: RefusalCause = .content) {
        self.rule = rule
        self.remedy = remedy
        self.cause = cause
    }

    func refusal(of file: String, at step: RefusalStep) -> PluginRefusal {
        PluginRefusal(file: file, rule: rule, remedy: remedy, cause: cause, step: step)
    }
}
