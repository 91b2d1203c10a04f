/// With the response headers that the producer added, whatever the response is.
package enum OpenOutcome: Sendable {
    case opened(headers: [StreamRequest.Field])
    /// Nothing more to send: 204.
    case ended(headers: [StreamRequest.Field] = [])
    case rejected(status: Int, message: String, headers: [StreamRequest.Field] = [])
    /// The contract was broken; the text is for the log, the subscriber gets a plain 500.
    case failed(log: String)
    /// `StreamServices.opened` will say.
    case pending

    /// `close` will follow.
    package var isOpened: Bool { if case .opened = self { true } else { false } }
}
