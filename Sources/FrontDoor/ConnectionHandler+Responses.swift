import Logging
import NIOCore
import NIOHTTP1
import StreamRuntime

extension ConnectionHandler {
    /// Answers the request, or what could not be read as one, and goes on to the next unless the connection ends here.
    ///
    /// What is written within a read is flushed with all else at the read's end; `flush` is for every other moment.
    /// - Parameter last: the connection ends with this response, whatever the client wished.
    func respond(_ response: Response, last: Bool = false) {
        let ends =
            last || response.closes || hasDroppedInput || isInputClosed || roster.isStopping
            || !(request?.mayBeFollowed ?? false)
        var bytes = ByteBuffer()
        response.write(
            to: &bytes, date: roster.date.now(),
            ends ? .closes : request?.version == .http1_0 ? .keptAlive : .persists,
            withBody: request?.method != .HEAD)
        finish(bytes, status: response.status, last: ends)
    }

    /// HEAD on a stream's route.
    func respondWithStreamHead() {
        var bytes = ByteBuffer()
        StreamHead.write(
            to: &bytes, date: roster.date.now(), isChunked: responseForm.contains(.chunked), headers: [])
        finish(bytes, status: 200, last: true)
    }

    private func finish(_ bytes: ByteBuffer, status: Int, last: Bool) {
        context?.write(wrapOutboundOut(bytes), promise: nil)
        roster.logger.debug(
            "response",
            metadata: [
                "status": "\(status)", "method": "\(request?.method.rawValue ?? "-")",
                "target": "\(request?.uri ?? "-")", "peer": "\(remoteAddress)",
            ])
        request = nil
        endBody()
        if last { return linger() }
        phase = .idle
        wait(settings.idleTimeout)
        resumeReading()
    }

    /// Ends the sending side behind what was written, and drops what still comes, until the client has ended its side
    /// or the time is up.
    func linger() {
        phase = .lingering
        wait(settings.lingerTimeout)
        if isInputClosed { return closeWhenSent() }
        context?.flush()
        context?.close(mode: .output, promise: nil)
        resumeReading()
    }
}

extension HTTPRequestHead {
    /// The client expects the connection to stay, and the parser can go on: behind a request to upgrade it reads
    /// nothing more.
    fileprivate var mayBeFollowed: Bool {
        // In HTTP/1.0 the parser takes one that says both for one that wants to stay.
        isKeepAlive && !headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
            && method != .CONNECT && !headers.contains(name: "upgrade")
    }

    /// RFC 9110 §10.1.1; not in HTTP/1.0.
    var expectsContinue: Bool {
        version != .http1_0
            && headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
    }
}

/// Answers to what the parser or a limit refuses.
enum Refusal {
    static func headTooLarge(_ settings: ServerSettings) -> Response {
        Problem(
            431,
            "The request line and headers exceed \(settings.maxHeadBytes) bytes or \(settings.maxHeaderCount) headers."
        ).response
    }

    static func bodyTooLarge(_ settings: ServerSettings) -> Response {
        Problem(413, "The body exceeds \(settings.maxBodyBytes) bytes.").response
    }

    static func of(_ error: HTTPParserError, _ settings: ServerSettings) -> Response {
        error == .headerOverflow ? headTooLarge(settings) : malformed
    }

    static func framingTooLarge(_ settings: ServerSettings) -> Response {
        Problem(
            413,
            "What is around the body's data, as the extensions of its chunks, exceeds \(settings.maxHeadBytes) bytes."
        ).response
    }

    static let malformed = Problem(400, "The request is not well-formed HTTP/1.1.").response
    static let unknownVersion = Problem(505, "This server speaks HTTP/1.1 and HTTP/1.0.").response
    static let unknownMethod = Problem(501, "This server does not know the request's method.").response
}
