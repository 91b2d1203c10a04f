import Glibc
import SystemCalls

/// A named pipe in the file system that programs write lines to (fifo(7)). It exists as long as this object.
package final class NamedPipe<Line: Sendable>: Sendable {
    package let path: String
    package let reader: LineReader<Line>
    /// Keeps the reader waiting, because a pipe without a writer is at its end. It is opened before the reader starts.
    private let writingEnd: Int32

    /// - Parameter parse: converts a line to the value to keep; `nil` drops it.
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

    /// Writes a line like another program.
    package func write(_ line: String) {
        let text = line + "\n"
        _ = text.withCString { Glibc.write(writingEnd, $0, strlen($0)) }
    }
}
