package enum PullOutcome: Sendable {
    /// A limit was reached; there may be more events right away.
    case more
    /// Nothing until this many milliseconds have passed, or the stream is woken; negative: only when it is woken.
    case wait(milliseconds: Int64)
    case ended
    case failed(StreamFailure)
}

package struct StreamFailure: Sendable, Equatable {
    /// What the subscriber is sent; `nil`: only an opaque code.
    package let message: String?
    /// What is logged.
    package let log: String

    package init(message: String?, log: String) {
        self.message = message
        self.log = log
    }
}
