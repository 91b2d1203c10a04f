/// The ledger that a server's fixtures write (see `Tests/Fixtures/ledger.h`), as it grows.
package final class Ledger: Sendable {
    /// The file that fixtures open: a named pipe, so that lines arrive as events and need not be polled for.
    private let pipe: NamedPipe<LedgerEntry>

    package init(in directory: TemporaryDirectory) throws(TestFailure) {
        pipe = try NamedPipe("\(directory.path)/ledger") { LedgerEntry($0) }
    }

    package var path: String { pipe.path }
    fileprivate var reader: LineReader<LedgerEntry> { pipe.reader }
    package var entries: [LedgerEntry] { reader.lines }

    /// All streams, in the order in which they were opened.
    package var streams: [LedgerStream] { LedgerStream.all(in: entries) }

    /// The stream that was opened with `?tag=`.
    package func stream(_ tag: String) -> LedgerStream? { streams.first { $0.tag == tag } }

    /// Whether that stream exists, and `close` had not been called at the time of this call. Everything written so far
    /// is read first.
    package func isUnclosed(_ tag: String) throws(TestFailure) -> Bool {
        try settle()
        guard let stream = stream(tag) else { throw TestFailure("the ledger has no stream \(tag)") }
        return stream.reason == nil
    }

    /// Waits until everything written before this call has been read.
    package func settle(within limit: Duration = .seconds(60)) throws(TestFailure) {
        let mark = "0 0 test 0.0 settled \(UInt64.random(in: 0...UInt64.max))"
        pipe.write(mark)
        let entry = LedgerEntry(mark[...])
        let found = reader.wait(limit) { $0 == entry }
        if found == nil { throw TestFailure("the ledger was not read to its end within \(limit)") }
    }

    /// Waits for a line of the stream with that tag, or, without a tag, of any stream.
    @discardableResult
    package func wait(
        for what: String, _ detail: String? = nil, tag: String? = nil, within limit: Duration = .seconds(10)
    ) throws(TestFailure) -> LedgerEntry {
        var wanted: LedgerEntry.Stream?
        let found = reader.wait(limit) { entry in
            if let tag, entry.what == "open-enter", entry.details.first == tag { wanted = entry.stream }
            return entry.what == what && (detail == nil || entry.details.first == detail)
                && (tag == nil || wanted == entry.stream)
        }
        guard let found else {
            throw TestFailure(
                "the ledger has no “\(what) \(detail ?? "")” of \(tag ?? "any stream"):\n"
                    + entries.suffix(30).map(\.description).joined(separator: "\n"))
        }
        return found
    }
}

extension Ledger {
    /// Waits until the image with this name has been shut down.
    package func waitForShutdown(of generation: String, within limit: Duration = .seconds(30)) throws(TestFailure) {
        let found = reader.wait(limit) { $0.what == "shutdown" && String($0.stream.generation) == generation }
        if found == nil { throw TestFailure("generation \(generation) was not shut down within \(limit)") }
    }
}

extension Ledger {
    /// Waits until `next` of the stream with that tag has been entered this many times.
    package func waitForNext(_ count: Int, tag: String, within limit: Duration = .seconds(10)) throws(TestFailure) {
        var wanted: LedgerEntry.Stream?
        var seen = 0
        let found = reader.wait(limit) { entry in
            if entry.what == "open-enter", entry.details.first == tag { wanted = entry.stream }
            if entry.what == "next-enter", entry.stream == wanted { seen += 1 }
            return seen == count
        }
        if found == nil { throw TestFailure("next of \(tag) was entered \(seen) times, not \(count)") }
    }
}

extension Ledger {
    /// Waits until `open` has been called this many times.
    package func waitForOpens(_ count: Int, within limit: Duration = .seconds(20)) throws(TestFailure) {
        var seen = 0
        let found = reader.wait(limit) { entry in
            if entry.what == "open-enter" { seen += 1 }
            return seen == count
        }
        if found == nil { throw TestFailure("open was called \(seen) times, not \(count)") }
    }
}

/// One line of a ledger.
package struct LedgerEntry: Sendable, Equatable, CustomStringConvertible {
    package struct Stream: Sendable, Hashable {
        package let plugin: String
        package let generation: Int64
        /// 0: the image itself.
        package let number: Int
    }

    /// Monotonic time.
    package let nanoseconds: Int64
    package let thread: Int
    package let stream: Stream
    package let what: String
    package let details: [String]

    package init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard words.count >= 5, let nanoseconds = Int64(words[0]), let thread = Int(words[1]) else { return nil }
        let name = words[3].split(separator: ".")
        guard name.count == 2, let generation = Int64(name[0]), let number = Int(name[1]) else { return nil }
        self.nanoseconds = nanoseconds
        self.thread = thread
        stream = Stream(plugin: String(words[2]), generation: generation, number: number)
        what = String(words[4])
        details = words.dropFirst(5).map(String.init)
    }

    package var description: String {
        "\(nanoseconds) \(thread) \(stream.plugin) \(stream.generation).\(stream.number) \(what) "
            + details.joined(separator: " ")
    }
}
