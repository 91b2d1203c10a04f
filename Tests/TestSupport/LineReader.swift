import Glibc
import SystemCalls

/// Reads lines from a descriptor to its end, on its own thread.
package final class LineReader<Line: Sendable>: Sendable {
    package struct Progress: Sendable {
        package fileprivate(set) var lines: [Line] = []
        package fileprivate(set) var hasEnded = false
    }

    package let progress = Watched(Progress())

    /// - Parameters:
    ///   - descriptor: the reader takes ownership.
    ///   - parse: converts a line to the value to keep; `nil` drops it.
    package init(_ descriptor: Int32, parse: @escaping @Sendable (Substring) -> Line?) {
        let progress = progress
        startThread {
            defer { close(descriptor) }
            var pending: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = Glibc.read(descriptor, &chunk, chunk.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                pending += chunk[..<count]
                guard let end = pending.lastIndex(of: UInt8(ascii: "\n")) else { continue }
                let text = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeFirst(end + 1)
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).compactMap(parse)
                progress.update { $0.lines += lines }
            }
            progress.update { $0.hasEnded = true }
        }
    }

    package var lines: [Line] { progress.read(\.lines) }

    /// Waits for the first wanted line at or after `start`, whether it has already been read or not.
    /// - Returns: `nil` after a timeout, or at the end.
    package func wait(_ limit: Duration, from start: Int = 0, until isWanted: (Line) -> Bool) -> Line? {
        var seen = start
        return progress.wait(limit) { progress -> Line?? in
            while seen < progress.lines.count {
                if isWanted(progress.lines[seen]) { return .some(progress.lines[seen]) }
                seen += 1
            }
            return progress.hasEnded ? .some(nil) : nil
        } ?? nil
    }

    package func waitForEnd(_ limit: Duration) -> Bool {
        progress.wait(limit) { $0.hasEnded ? true : nil } ?? false
    }
}

/// Runs `body` on a new, detached thread.
package func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    precondition(code == 0, "no thread: \(systemError(code))")
    pthread_detach(thread)
}
