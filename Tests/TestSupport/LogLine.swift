import FoundationEssentials

/// A line of the server's log in its JSON format.
package struct LogLine: Sendable, CustomStringConvertible {
    /// All members, as text.
    package let members: [String: String]
    package let description: String

    package init(_ text: Substring) {
        description = String(text)
        let decoded = try? JSONDecoder().decode([String: Value].self, from: Data(text.utf8))
        members = decoded?.mapValues(\.text) ?? [:]
    }

    package var message: String { members["message"] ?? description }
    package var level: String { members["level"] ?? "" }

    package subscript(name: String) -> String? { members[name] }

    /// The message, and all these members.
    package func matches(_ message: String, _ members: [String: String]) -> Bool {
        self.message == message && members.allSatisfy { self.members[$0.key] == $0.value }
    }

    private struct Value: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.text = text
            } else if let number = try? container.decode(Int.self) {
                text = String(number)
            } else if let number = try? container.decode(Double.self) {
                text = String(number)
            } else if let flag = try? container.decode(Bool.self) {
                text = String(flag)
            } else {
                text = ""
            }
        }
    }
}
