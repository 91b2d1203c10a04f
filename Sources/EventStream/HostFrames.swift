/// The frames that the host itself sends. None of them reaches a script that listens to messages: what must have data, so that a
/// client dispatches it or keeps its id, has a type of its own. A blank line is sent only where an event ends: behind an id that it has
/// seen, more than one client takes any other for an event.
extension FrameBuffer {
    /// The beginning of a stream: after how long to reconnect, and a comment that makes every proxy pass the response on. Both belong to the
    /// block of the first event, but for a subscriber that is told its place in a hub's history: that takes an event.
    /// - Parameters:
    ///   - retryMilliseconds: `nil` for a client that does not reconnect.
    ///   - anchor: the id behind which the subscriber would resume now.
    package mutating func appendPreamble(retryMilliseconds: Int64?, anchor: [UInt8]? = nil) {
        let start = beginFrame()
        if let retryMilliseconds { appendLine(.retry, number: max(0, retryMilliseconds)) }
        append(": sluice\n")
        if let anchor {
            append("event: sluice-open\nid: ")
            anchor.withUnsafeBytes { append($0) }
            append("\ndata:\n\n")
        }
        endFrame(from: start)
    }

    /// A comment that no script sees: keeps proxies from closing a silent connection, and finds out that a peer is gone.
    package mutating func appendKeepAlive() { appendHostFrame(":\n") }

    /// The notice that events are missing: the client's last id is no longer held, or never was.
    /// - Parameters:
    ///   - oldestID: of what follows; `nil` if nothing is held.
    ///   - lost: how many events, if that is known.
    package mutating func appendGap(oldestID: String?, lost: UInt64?) {
        var json: [UInt8] = Array("{\"oldest\":".utf8)
        if let oldestID { json.appendJSON(oldestID) } else { json += "null".utf8 }
        if let lost { json += ",\"lost\":\(lost)".utf8 }
        json += "}".utf8
        appendNotice("event: sluice-gap\ndata: ", json)
    }

    /// The last frame of a complete stream: no listener for messages gets it, but the client remembers the id. It has an empty data line,
    /// as Firefox forgets the id of a block without one.
    package mutating func appendFinished() { appendHostFrame("event: sluice-end\nid: sluice-end\ndata:\n\n") }

    /// The last frame of a failed stream, as event `stream-error`: an event `error` would collide with EventSource's own.
    /// - Parameter message: any text; it becomes the data.
    package mutating func appendStreamError(_ message: String) {
        let start = beginFrame()
        append("event: stream-error\n")
        var message = message
        message.withUTF8 { text in
            do {
                try appendData(UnsafeRawBufferPointer(text))
            } catch {
                preconditionFailure("a String is valid UTF-8")
            }
        }
        appendBlankLine()
        endFrame(from: start)
    }

    /// The last frame of a stream that ends for the server's reasons: after how long to reconnect.
    package mutating func appendFarewell(retryMilliseconds: Int64) {
        let start = beginFrame()
        appendLine(.retry, number: max(0, retryMilliseconds))
        endFrame(from: start)
    }

    private mutating func appendHostFrame(_ text: StaticString) {
        append(frame: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func appendNotice(_ lines: StaticString, _ json: [UInt8]) {
        let start = beginFrame()
        append(lines)
        json.withUnsafeBytes { append($0) }
        append("\n\n")
        endFrame(from: start)
    }
}
