import Glibc
import SystemCalls

/// A pipe with a name in the file system that programs write lines into (fifo(7)), for as long as this lives.
package final class NamedPipe<Line: Sendable>: Sendable {
    package let path: String
    package let reader: LineReader<Line>
    /// As long as there is a writer, the reader waits. It is there before the reader begins: without one a pipe is at its end.
    private let writingEnd: Int32

    /// - Parameter parse: makes of a line what is kept; `nil` drops it.
    package init(_ path: String, parse: @escaping @Sendable (Substring) -> Line?) throws(TestFailure) {
        guard mkfifo(path, 0o600) == 0 else {
            throw TestFailure("mkfifo \(path): \(systemError())")
        }
        self.path = path
        let reading = openPipeForReading(path)
        writingEnd = open(path, O_WRONLY | O_CLOEXEC)
        reader = LineReader(reading, parse: parse)
    }

    deinit { close(writingEnd) }

    /// Writes a line, as another program would.
    package func write(_ line: String) {
        let text = line + "\n"
        _ = text.withCString { Glibc.write(writingEnd, $0, strlen($0)) }
    }
}
