/// The ids that have a meaning for the host.
package enum EventID {
    /// Sent after a stream's last event. No listener for messages gets it, but the client remembers the id, and sends
    /// it when it reconnects to a stream that is complete.
    package static let finished = "sluice-end"

    /// The longest id of an event, in bytes: a subscriber that reconnects sends it in a header or, three times as long,
    /// in the query, and it must pass every proxy.
    package static let maximumBytes = 1024

    /// Whether a subscriber that reconnects has seen the stream's end: the answer is 204, and it stops reconnecting.
    package static func isFinished(_ lastEventID: String?) -> Bool {
        lastEventID == finished
    }
}
