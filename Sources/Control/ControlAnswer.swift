import CommandOutput

/// A server's answer over its control socket: the members of the result, or an error. `ok` tells which of the two it
/// is.
package struct ControlAnswer: Sendable, Equatable {
    /// One line of JSON, without a newline.
    package let line: [UInt8]

    /// - Parameter members: an object.
    package init(_ members: some Encodable) { line = JSONText.line(Content(isRefusal: false, members: members)) }

    private init(refusal: String) { line = JSONText.line(Content(isRefusal: true, members: ["error": refusal])) }

    package static func refusal(_ error: String) -> ControlAnswer { ControlAnswer(refusal: error) }

    private struct Content<Members: Encodable>: Encodable {
        let isRefusal: Bool
        let members: Members

        enum Key: String, CodingKey {
            case version = "protocol"
            case isOK = "ok"
        }

        func encode(to encoder: any Encoder) throws {
            try members.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(ControlProtocol.version, forKey: .version)
            try container.encode(!isRefusal, forKey: .isOK)
        }
    }

    /// The members that every client checks first.
    struct Head: Decodable {
        let ok: Bool
        let error: String?
    }
}
