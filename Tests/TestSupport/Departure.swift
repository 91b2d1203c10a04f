package import EventStream
package import Testing

/// The ways in which a subscriber can leave.
package enum Departure: CaseIterable, Sendable {
    case close, reset, halfClose

    package func leave(_ client: RawClient) {
        switch self {
        case .close: client.close()
        case .reset: client.reset()
        case .halfClose: client.halfClose()
        }
    }
}

extension SluiceServer {
    /// Waits for a stream's `close`, and expects its reason, once in the ledger and once in the log.
    /// - Returns: the moment of the call.
    @discardableResult
    package func expectClose(
        of tag: String, _ reason: CloseReason, within limit: Duration = .seconds(10),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> LedgerEntry {
        let entry = try ledger.wait(for: "close-enter", tag: tag, within: limit)
        let found = ledger.stream(tag)?.reason
        #expect(found == reason, "the close of \(tag)", sourceLocation: sourceLocation)
        try waitForLog("stream closed", ["plugin": entry.stream.plugin, "reason": reason.name])
        return entry
    }

    /// Subscribes, and waits until `open` has been called.
    package func subscribe(
        opening target: String, tag: String, receiveBufferBytes: Int? = nil, segmentBytes: Int? = nil
    ) throws -> TestSubscriber {
        let separator = target.contains("?") ? "&" : "?"
        let subscriber = try subscribe(
            "\(target)\(separator)tag=\(tag)", receiveBufferBytes: receiveBufferBytes, segmentBytes: segmentBytes)
        try ledger.wait(for: "open-enter", tag: tag)
        return subscriber
    }
}

extension SluiceServer {
    /// A request that no stream comes of, to see the front door at work.
    package func expectNotFound(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let client = try connect()
        try client.send("GET /no-such-route HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try client.readResponse().status == 404, sourceLocation: sourceLocation)
    }
}
