import FoundationEssentials
import Synchronization

/// A line of the server's log in JSON format.
package struct LogLine: Sendable, CustomStringConvertible {
    package let description: String
    private let decoded = Decoded()

    /// Decoded only when needed, because most lines are never examined, and the server under test uses the same
    /// processors.
    private final class Decoded: Sendable {
        let members = Mutex<[String: String]?>(nil)
    }

    package init(_ text: Substring) { description = String(text) }

    /// All members, as text.
    package var members: [String: String] {
        decoded.members.withLock { members in
            if let members { return members }
            let values = try? JSONDecoder().decode([String: Value].self, from: Data(description.utf8))
            let all = values?.mapValues(\.text) ?? [:]
            members = all
            return all
        }
    }

    package var message: String { members["message"] ?? description }
    package var level: String { members["level"] ?? "" }

    package subscript(name: String) -> String? { members[name] }

    /// Whether it has this message and all these members.
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
