package import CommandOutput

/// The name of a new producer: the name of its plugin, its file and its route, and, in other spellings, of the
/// identifiers in its source.
package struct ProducerName: Sendable, Equatable {
    let text: String

    static let rule =
        "use a lower-case letter, then lower-case letters and digits with '-', '_' or '.' between them, as in my-ticker; at most 64 characters"

    /// - Throws: what is wrong with it.
    package init(_ text: String) throws(UsageError) {
        let bytes = Array(text.utf8)
        let isRight =
            (1...64).contains(bytes.count) && Self.isLetter(bytes[0])
            && bytes.allSatisfy { Self.isLetter($0) || Self.isDigit($0) || Self.joints.contains($0) }
            && !Self.joints.contains(bytes[bytes.count - 1])
        guard isRight else { throw UsageError("'\(text)' can't be the name of a producer: \(Self.rule)") }
        self.text = text
    }

    /// The name as a C identifier: "my_ticker".
    var identifier: String { String(text.map { $0 == "-" || $0 == "." ? "_" : $0 }) }

    /// The name as a Swift type: "MyTicker". It is none of the names that the library and the language use.
    var typeName: String {
        let words = text.split { "-_.".contains($0) }
        let name = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        return Self.taken.contains(name) ? name + "Events" : name
    }

    private static let taken: Set<String> = [
        "Any", "Array", "Bool", "CloseReason", "Dictionary", "Double", "Duration", "Encodable", "Error", "Finished",
        "Float", "Int",
        "Log", "Never", "Optional", "Parameter", "Producer", "Protocol", "Reject", "Request", "Result", "Self",
        "Sequence", "Set",
        "Sluice", "Step", "StreamFailure", "StreamHandle", "String", "Task", "Type",
    ]
    private static let joints = Array("-_.".utf8)
    private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte }
    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
