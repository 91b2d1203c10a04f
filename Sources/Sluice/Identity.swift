import CSluice

/// Who asks, according to a token that the server has verified.
///
/// The subject is a copy; `claim` asks the server, which answers only until `init`, `events(for:)` or `open(_:)` has
/// returned. Keep what you need later.
public struct Identity: Sendable {
    /// The token's subject (`sub`); empty if it has none.
    public let subject: String
    private let stream: StreamHandle

    /// - Returns: `nil` if there is no token, or the server does not have the functions that tell about it.
    init?(of stream: StreamHandle) {
        guard Host.hasIdentity, let subject = String(lent: Host.table.pointee.identity(stream.raw)) else {
            return nil
        }
        self.subject = subject
        self.stream = stream
    }

    /// A claim of the token: a string as it is, anything else as JSON, such as `true` or `["reader","writer"]`. `nil`
    /// if the token has no such claim.
    public func claim(_ name: String) -> String? { String(lent: Host.table.pointee.claim(stream.raw, name)) }
}
