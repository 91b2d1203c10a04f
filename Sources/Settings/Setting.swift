/// One setting: a row of the table. The command line option and its help, the environment variable, the key in
/// `sluice.yaml`, and what a reload does with a changed value are derived from it.
package struct Setting<Value: Sendable & Equatable>: SettingRow {
    package let name: String
    let form: SettingForm<Value>
    let initialValue: Value
    package let initialText: String
    package let group: SettingGroup
    package let needsRestart: Bool
    package let section: String?
    package let isPerListener: Bool
    package let summary: String

    /// - Parameters:
    ///   - name: the key in the configuration file, and the option after `--`.
    ///   - initial: the default, in the form of a value; it must be valid.
    ///   - group: where the help lists it.
    ///   - needsRestart: whether a running server keeps the value that it started with.
    ///   - section: the section of the configuration file that can set another value for a single producer.
    ///   - isPerListener: whether the configuration file can set another value for a single listener.
    ///   - summary: what it is for, in a sentence or two.
    package init(
        _ name: String, _ form: SettingForm<Value>, initial: String, in group: SettingGroup,
        needsRestart: Bool = false, perProducer section: String? = nil, perListener isPerListener: Bool = false,
        _ summary: String
    ) {
        guard let value = form.parse(initial) else {
            preconditionFailure("the default of \(name), '\(initial)', is not valid: expected \(form.expectation)")
        }
        self.init(
            name, form, initialValue: value, described: initial.isEmpty ? "none" : initial, in: group,
            needsRestart: needsRestart,
            perProducer: section, perListener: isPerListener, summary)
    }

    /// For a default that can't be written as a value.
    /// - Parameter described: the default as the help shows it.
    package init(
        _ name: String, _ form: SettingForm<Value>, initialValue: Value, described: String, in group: SettingGroup,
        needsRestart: Bool = false, perProducer section: String? = nil, perListener isPerListener: Bool = false,
        _ summary: String
    ) {
        self.name = name
        self.form = form
        self.initialValue = initialValue
        initialText = described
        self.group = group
        self.needsRestart = needsRestart
        self.section = section
        self.isPerListener = isPerListener
        self.summary = summary
    }

    package var placeholder: String { form.placeholder }
    package var expectation: String { form.expectation }
    package var isSwitch: Bool { form.isSwitch }
    package var isList: Bool { form.isList }
    package var hasPairs: Bool { form.hasPairs }
    package var initial: any Sendable { initialValue }

    package func parse(_ text: String) -> (any Sendable)? { form.parse(text) }

    package func invalidPart(of text: String) -> String { form.invalidPart?(text) ?? text }

    package func areEqual(_ first: (any Sendable)?, _ second: (any Sendable)?) -> Bool {
        first as? Value == second as? Value
    }
}

/// A setting without the type of its value, for use in a table.
package protocol SettingRow: Sendable {
    /// The key in the configuration file, and the option after `--`: `max-streams`.
    var name: String { get }
    /// The placeholder for the value in the help: `--keep-alive <time>`.
    var placeholder: String { get }
    /// The accepted values, as a noun: "a whole number from 1 to 255".
    var expectation: String { get }
    /// Whether the command line has `--name` and `--no-name` instead of a value.
    var isSwitch: Bool { get }
    /// Whether the value is a list: its option can be repeated, and the configuration file can have a sequence.
    var isList: Bool { get }
    /// Whether each value of the list is a pair, for which the configuration file can have a mapping.
    var hasPairs: Bool { get }
    /// The default as the help shows it.
    var initialText: String { get }
    var initial: any Sendable { get }
    var group: SettingGroup { get }
    /// Whether a running server keeps the value that it started with.
    var needsRestart: Bool { get }
    /// The section of the configuration file that can set another value for a single producer; `nil`: the value is the
    /// same for all.
    var section: String? { get }
    /// Whether the configuration file can set another value for a single listener.
    var isPerListener: Bool { get }
    var summary: String { get }

    /// - Returns: `nil` if the text is not a valid value.
    func parse(_ text: String) -> (any Sendable)?
    /// The part of an invalid text that is invalid: the first such value of a list.
    func invalidPart(of text: String) -> String
    func areEqual(_ first: (any Sendable)?, _ second: (any Sendable)?) -> Bool
}

extension SettingRow {
    /// `SLUICE_MAX_STREAMS` for `max-streams`.
    package var variable: String { EnvironmentVariables.name(for: name) }

    /// The summary and the default, in one text.
    package var help: String { "\(summary) (default: \(initialText))" }

    /// - Parameter place: where the text was found, for the message.
    func value(of text: String, at place: String) throws(SettingError) -> any Sendable {
        guard let value = parse(text) else {
            throw SettingError("\(place): expected \(expectation), not '\(Self.printable(invalidPart(of: text)))'")
        }
        return value
    }

    /// The text without control characters, cut to 80 characters.
    private static func printable(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0) }
            .joined()
        return text.unicodeScalars.count > 80 ? clean + "…" : clean
    }
}

/// Where the help lists a setting.
package enum SettingGroup: Sendable {
    case general, access, probe, trial, log, limits, sharedStreams, times
}
