/// Refuses a request with an HTTP status: throw it from `init`, `events(for:)` or `open(_:)`.
public struct Reject: Error, Sendable, Equatable, CustomStringConvertible {
    /// 400 to 599.
    public let status: Int
    /// What the client is told.
    public let message: String

    public init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    public var description: String { "\(status): \(message)" }
}

/// There is nothing (more) to send: throw it from `init`, `events(for:)` or `open(_:)`. The answer is 204, after which
/// a browser stops reconnecting.
public struct Finished: Error, Sendable, Equatable {
    public init() {}
}

/// Ends a stream as failed, and tells the subscriber why. Other errors are only logged.
public struct StreamFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the subscriber is told.
    public let message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}
