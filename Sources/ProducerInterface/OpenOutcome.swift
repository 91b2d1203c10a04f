/// The result of `open`, with the response headers that the producer added, whatever the response is.
package enum OpenOutcome: Sendable {
    case opened(headers: [StreamRequest.Field])
    /// Nothing more to send: 204.
    case ended(headers: [StreamRequest.Field] = [])
    case rejected(status: Int, message: String, headers: [StreamRequest.Field] = [])
    /// The producer broke the contract; the text is for the log, the subscriber gets a plain 500.
    case failed(log: String)
    /// `StreamServices.opened` will answer.
    case pending

    /// Whether `close` will follow.
    package var isOpened: Bool { if case .opened = self { true } else { false } }
}
