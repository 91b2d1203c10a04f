import Glibc
package import ProducerInterface
package import Testing

extension SluiceServer {
    /// Waits for a stream's `close`, and expects this reason once in the ledger and once in the log.
    /// - Returns: the time of the call.
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

    /// Subscribes repeatedly until the answer is a stream: a place is free a moment after the close was logged.
    package func subscribeOnceFree(_ target: String) throws -> TestSubscriber {
        var subscriber: TestSubscriber?
        let isServed = try blockingEventually {
            let asking = try subscribe(target)
            subscriber = asking
            return try asking.head().status == 200
        }
        guard isServed, let subscriber else { throw TestFailure("\(target): no place is free") }
        return subscriber
    }

    /// Sends a request without a stream, to check that the front door works.
    package func expectNotFound(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let client = try connect()
        try client.send("GET /no-such-route HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(try client.readResponse().status == 404, sourceLocation: sourceLocation)
    }

    /// Waits until no stream is open, and the threads and descriptors of streams have been released.
    package func restingFigures() throws -> ProcessFigures {
        let deadline = ContinuousClock.now + .seconds(20)
        var open: [LedgerStream] = []
        let areClosed = try blockingEventually(within: .seconds(20)) {
            try ledger.settle()
            open = ledger.streams.filter { $0.wasOpened && !$0.isOver }
            return open.isEmpty
        }
        guard areClosed else {
            throw TestFailure("still open: " + open.map { "\($0.name) \($0.tag ?? "")" }.joined(separator: ", "))
        }
        // Resources that are released after a plugin's last close (sockets, threads) have no event; wait until the
        // figures are stable.
        var figures = try ProcessFigures(of: program.pid)
        var same = 0
        while same < 10, ContinuousClock.now < deadline {
            usleep(30_000)
            let now = try ProcessFigures(of: program.pid)
            same = now.descriptors == figures.descriptors && now.threads == figures.threads ? same + 1 : 0
            figures = now
        }
        return figures
    }

    /// Checks in the server's own ledger that every producer, over all of its generations, has as many closes as opens,
    /// and as many opens as the plugin has recorded.
    package func expectBalancedLedger(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let start = logLines.count
        let plugins = Set(ledger.entries.filter { $0.what == "loaded" }.map(\.stream.plugin))
        signal(SIGUSR1)
        try waitForLog("totals", from: start)
        for plugin in plugins {
            let lines = logLines[start...].filter { $0.message.hasPrefix("ledger") && $0["plugin"] == plugin }
            func sum(_ name: String) -> Int { lines.compactMap { Int($0[name] ?? "") }.reduce(0, +) }
            #expect(sum("opens") == sum("closes") && sum("open") == 0, "\(lines)", sourceLocation: sourceLocation)
            let opened = ledger.streams.count { $0.name.plugin == plugin && $0.wasOpened }
            #expect(sum("opens") == opened, "\(lines)", sourceLocation: sourceLocation)
        }
    }
}
