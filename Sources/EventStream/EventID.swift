/// The ids that mean something to the host.
package enum EventID {
    /// Sent with no data after a stream's last event: nothing is dispatched, but the client remembers it, and says so when it
    /// reconnects to a stream that is complete.
    package static let finished = "sluice-end"

    /// The longest id of an event, in bytes: a returning subscriber says it in a header or, three times as long, in the query, and must be
    /// able to through every proxy.
    package static let maximumBytes = 1024

    /// `true` if a returning subscriber has seen the stream's end: it is answered with 204, and stops reconnecting.
    package static func isFinished(_ lastEventID: String?) -> Bool {
        lastEventID == finished
    }
}
