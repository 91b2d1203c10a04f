import Glibc
package import Testing

extension SluiceServer {
    /// Waits until no stream is open any more and the threads and descriptors that streams had are back.
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
        // What closes behind the last close of a plugin (sockets, threads) has no event; wait until the figures rest.
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

    /// The server's own ledger says of every producer, all of its generations together: as many closes as opens, and as many opens
    /// as the plugin has seen.
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
