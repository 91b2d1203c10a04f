import EventStream
import ForeignFunction
import Logging
import Synchronization

/// What plugins say, and what is said about them when they call the host wrongly.
enum HostLog {
    private static let current = Mutex<Logger?>(nil)

    /// Where lines go that belong to no stream that is known.
    static func use(_ logger: Logger) {
        current.withLock { $0 = logger }
    }

    /// A line of a plugin's own.
    /// - Parameter stream: `nil` for one that belongs to no stream.
    static func say(_ message: String, level: Logger.Level, stream: StreamToken?) {
        guard let stream else {
            if LoadThread.hear(message, level: level) { return }
            current.withLock(\.self)?.log(level: level, "\(message)")
            return
        }
        logger(for: stream, of: ConnectedRuntime.producer(of: stream))?.log(level: level, "\(message)")
    }

    /// A call that breaks a rule of sluice.h. A plugin that does so may do it a million times a second, so only a few lines are
    /// written for each function and producer.
    /// - Parameters:
    ///   - function: the host's function, as sluice.h names it.
    ///   - problem: the rest of the sentence.
    ///   - more: lines that follow it.
    static func misuse(
        _ function: StaticString, _ problem: @autoclosure () -> String, more lines: [String] = [], stream: StreamToken?
    ) {
        let producer = stream.flatMap(ConnectedRuntime.producer(of:))
        let culprit = producer.map { "\($0.description.plugin)/\($0.description.name)" } ?? ""
        guard let unwritten = limit.admit("\(function) \(culprit)", now: monotonicNanoseconds()) else { return }
        let more = unwritten == 0 ? "" : " (\(unwritten) more such lines were left out)"
        let logger = logger(for: stream, of: producer)
        logger?.warning("host->\(function) \(problem())\(more)")
        for line in lines { logger?.warning("\(line)") }
    }

    /// A call with the handle of a stream that is over, or with NULL, or with no handle at all.
    static func stale(_ function: StaticString, stream: OpaquePointer?) {
        let token = StreamToken(stream)
        misuse(
            function, token == nil ? "was called with NULL for a stream" : "was called for a stream that is over",
            stream: token)
    }

    private static let limit = LogLimit()

    private static func logger(for stream: StreamToken?, of producer: PluginProducer?) -> Logger? {
        guard let stream else { return current.withLock(\.self) }
        if let producer { return producer.logger(for: stream) }
        var logger = current.withLock(\.self)
        logger?[metadataKey: "stream"] = "\(stream)"
        return logger
    }
}

/// Admits a few lines of each kind per period.
final class LogLimit: Sendable {
    static let linesPerPeriod = 5
    static let periodNanoseconds: UInt64 = 10_000_000_000
    /// Beyond so many kinds all of them are forgotten, and counted anew.
    static let kindsMax = 256

    private struct Kind {
        var periodStart: UInt64
        var written = 0
        var unwritten = 0
    }

    private let kinds = Mutex<[String: Kind]>([:])

    /// - Returns: `nil` if the line is one too many, else how many of the kind were one too many since the last that was not.
    func admit(_ name: String, now: UInt64) -> Int? {
        kinds.withLock { kinds in
            if kinds.count >= Self.kindsMax { kinds.removeAll() }
            var kind = kinds[name] ?? Kind(periodStart: now)
            defer { kinds[name] = kind }
            if now &- kind.periodStart >= Self.periodNanoseconds {
                kind.periodStart = now
                kind.written = 0
            }
            guard kind.written < Self.linesPerPeriod else {
                kind.unwritten += 1
                return nil
            }
            kind.written += 1
            defer { kind.unwritten = 0 }
            return kind.unwritten
        }
    }
}
