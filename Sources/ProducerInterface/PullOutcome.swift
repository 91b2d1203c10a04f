package enum PullOutcome: Sendable {
    /// A limit was reached; there may be more at once.
    case more
    /// Nothing before so many milliseconds have passed, or the stream is woken; negative: only when woken.
    case wait(milliseconds: Int64)
    case ended
    case failed(StreamFailure)
}

package struct StreamFailure: Sendable, Equatable {
    /// What the subscriber is told; `nil`: an opaque code only.
    package let message: String?
    /// What the log says.
    package let log: String

    package init(message: String?, log: String) {
        self.message = message
        self.log = log
    }
}
