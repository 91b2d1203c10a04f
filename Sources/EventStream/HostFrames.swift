/// The frames that the host itself sends; none of them dispatches anything, but for the failure.
extension FrameBuffer {
    /// The first frame of a stream: after how long to come back, and a comment that makes every proxy pass the response on.
    package mutating func appendPreamble(retryMilliseconds: Int64) {
        appendLine(.retry, number: max(0, retryMilliseconds))
        append(": sluice\n\n")
        frameCount += 1
    }

    /// A comment that no script sees: keeps proxies from closing a silent connection, and finds out that a peer is gone.
    package mutating func appendKeepAlive() {
        append(":\n\n")
        frameCount += 1
    }

    /// The notice that events are missing: the client's last id is no longer held, or never was.
    /// - Parameters:
    ///   - oldestID: of what follows; `nil` if nothing is held.
    ///   - lost: how many events, if that is known.
    package mutating func appendGap(oldestID: String?, lost: UInt64?) {
        var json: [UInt8] = Array("{\"oldest\":".utf8)
        if let oldestID { json.appendJSON(oldestID) } else { json += "null".utf8 }
        if let lost { json += ",\"lost\":\(lost)".utf8 }
        json += "}".utf8
        append("event: sluice-gap\ndata: ")
        json.withUnsafeBytes { append($0) }
        append("\n\n")
        frameCount += 1
    }

    /// What became of a plugin's source, for the pages that listen to it while it is written; only `sluice dev` sends it.
    /// - Parameters:
    ///   - file: whose source it is: "hello.c".
    ///   - text: what the compiler said, in its own words and lines.
    package mutating func appendBuild(file: String, isBuilt: Bool, text: String) {
        var json: [UInt8] = Array("{\"file\":".utf8)
        json.appendJSON(file)
        json += (isBuilt ? ",\"ok\":true,\"text\":" : ",\"ok\":false,\"text\":").utf8
        json.appendJSON(text)
        json += "}".utf8
        append("event: sluice-build\ndata: ")
        json.withUnsafeBytes { append($0) }
        append("\n\n")
        frameCount += 1
    }

    /// The last frame of a complete stream: no data, so nothing is dispatched, but the client remembers the id.
    package mutating func appendFinished() {
        append("id: sluice-end\n\n")
        frameCount += 1
    }

    /// The last frame of a failed stream, as event `stream-error`: an event `error` would collide with EventSource's own.
    /// - Parameter message: any text; it becomes the data.
    package mutating func appendStreamError(_ message: String) {
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
        frameCount += 1
    }

    /// The last frame of a stream that ends for the server's reasons: after how long to come back.
    package mutating func appendFarewell(retryMilliseconds: Int64) {
        appendLine(.retry, number: max(0, retryMilliseconds))
        appendBlankLine()
        frameCount += 1
    }
}
