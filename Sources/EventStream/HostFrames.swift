/// The frames that the host itself sends. None of them reaches a script that listens for messages: a frame that must
/// have data, so that a client dispatches it or keeps its id, has a type of its own. A blank line is sent only at the
/// end of an event: after an id, several clients treat any other blank line as an event.
package enum HostFrames {
    /// The beginning of a stream: the reconnection time, and a comment that makes every proxy pass the response on.
    /// Both belong to the block of the first event, except for a subscriber that gets its place in a hub's history:
    /// that requires an event.
    /// - Parameters:
    ///   - retryMilliseconds: `nil` for a client that does not reconnect.
    ///   - anchor: the id after which the subscriber would resume now.
    package static func writePreamble(
        to frames: inout FrameBuffer, retryMilliseconds: Int64?, anchor: [UInt8]? = nil
    ) {
        let start = frames.beginFrame()
        if let retryMilliseconds { FieldLines.writeLine(.retry, number: max(0, retryMilliseconds), to: &frames) }
        frames.append(": sluice\n")
        if let anchor {
            frames.append("event: sluice-open\nid: ")
            anchor.withUnsafeBytes { frames.append($0) }
            frames.append("\ndata:\n\n")
        }
        frames.endFrame(from: start)
    }

    /// A comment that no script sees. It keeps proxies from closing a silent connection, and shows whether the peer is
    /// gone.
    package static func writeKeepAlive(to frames: inout FrameBuffer) { write(":\n", to: &frames) }

    /// The notice that events are missing: the client's last id is no longer kept, or never was.
    /// - Parameters:
    ///   - oldestID: the oldest id of what follows; `nil` if nothing is kept.
    ///   - lost: how many events, if that is known.
    package static func writeGap(to frames: inout FrameBuffer, oldestID: String?, lost: UInt64?) {
        var json: [UInt8] = Array("{\"oldest\":".utf8)
        if let oldestID { json.appendJSON(oldestID) } else { json += "null".utf8 }
        if let lost { json += ",\"lost\":\(lost)".utf8 }
        json += "}".utf8
        writeNotice("event: sluice-gap\ndata: ", json, to: &frames)
    }

    /// The last frame of a complete stream: no listener for messages gets it, but the client remembers the id. It has
    /// an empty data line, because Firefox forgets the id of a block without one.
    package static func writeFinished(to frames: inout FrameBuffer) {
        write("event: sluice-end\nid: sluice-end\ndata:\n\n", to: &frames)
    }

    /// The last frame of a failed stream, as event `stream-error`: an event `error` would collide with EventSource's
    /// own.
    /// - Parameter message: any text; it becomes the data.
    package static func writeStreamError(_ message: String, to frames: inout FrameBuffer) {
        let start = frames.beginFrame()
        frames.append("event: stream-error\n")
        var message = message
        message.withUTF8 { text in
            do {
                try FieldLines.writeData(UnsafeRawBufferPointer(text), to: &frames)
            } catch {
                preconditionFailure("a String is valid UTF-8")
            }
        }
        FieldLines.writeBlankLine(to: &frames)
        frames.endFrame(from: start)
    }

    /// The last frame of a stream that the server ends: the reconnection time.
    package static func writeFarewell(to frames: inout FrameBuffer, retryMilliseconds: Int64) {
        let start = frames.beginFrame()
        FieldLines.writeLine(.retry, number: max(0, retryMilliseconds), to: &frames)
        frames.endFrame(from: start)
    }

    private static func write(_ text: StaticString, to frames: inout FrameBuffer) {
        frames.append(frame: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private static func writeNotice(_ lines: StaticString, _ json: [UInt8], to frames: inout FrameBuffer) {
        let start = frames.beginFrame()
        frames.append(lines)
        json.withUnsafeBytes { frames.append($0) }
        frames.append("\n\n")
        frames.endFrame(from: start)
    }
}
