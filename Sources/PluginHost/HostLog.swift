import CSluice
import Glibc
import Locks
import Logging
import ProducerInterface
import Synchronization
import SystemCalls

/// Log lines of plugins, and log lines about plugins that call the host wrongly.
///
/// The thread that logs may have little stack, so the host's own thread writes the lines, in their order.
package enum HostLog {
    private static let current = Mutex<Logger?>(nil)

    /// Sets the logger for lines that belong to no known stream.
    static func use(_ logger: Logger) {
        current.withLock { $0 = logger }
        // Created here, where there is enough stack.
        _ = (HostThread.shared, limit, budget)
    }

    /// Writes all earlier lines: called before a line that must come after them, and at the end of the process.
    package static func drain() { HostThread.shared.drain() }

    /// A line that a plugin logs.
    static func say(_ message: UnsafePointer<CChar>?, level: Int32, stream: OpaquePointer?) {
        HostThread.shared.withRoom(bytes: HostThread.eventBytes) { take(message, level: level, stream: stream) }
    }

    private static func take(_ message: UnsafePointer<CChar>?, level: Int32, stream: OpaquePointer?) {
        guard let message else { return misuse("log", "was given no message", stream: nil) }
        let token = StreamToken(stream)
        if token == nil, LoadThread.isCurrent {
            drain()
            LoadThread.hear(PluginText.line(message), level: Logger.Level(pluginLevel: level))
            return
        }
        let speaker = Speaker(of: token)
        let (isAdmitted, leftOut) = speaker.budget.admit(now: monotonicNanoseconds())
        guard isAdmitted else { return untold.note(speaker.callbacks) }
        let text = CopiedText(message, bytesMax: PluginText.messageBytesMax)
        HostThread.shared.write(bytes: text.count) {
            LogBudget.tell(leftOut, speaker.logger(for: nil))
            speaker.logger(for: token)?.log(level: Logger.Level(pluginLevel: level), "\(text.line)")
        }
    }

    /// Logs how many lines were left out in seconds that are over, also for plugins that have logged nothing since.
    /// Must be called once a second.
    package static func tellLeftOut() {
        let now = monotonicNanoseconds()
        for callbacks in untold.take() {
            if let leftOut = (callbacks?.logBudget ?? budget).takeLeftOut(now: now) {
                LogBudget.tell(leftOut, callbacks?.currentLogger ?? current.withLock(\.self))
            } else {
                untold.note(callbacks)
            }
        }
    }

    /// A call that breaks a rule of sluice.h. A plugin may do that a million times a second, so only a few lines are
    /// written for each function and producer.
    /// - Parameters:
    ///   - function: the host's function, as sluice.h names it.
    ///   - problem: the rest of the sentence; evaluated on the host's thread.
    ///   - more: lines that follow it.
    static func misuse(
        _ function: StaticString, _ problem: @escaping @autoclosure @Sendable () -> String, more lines: [String] = [],
        stream: StreamToken?
    ) {
        let speaker = Speaker(of: stream)
        guard let unwritten = limit.admit(kind(function, speaker), now: monotonicNanoseconds()) else { return }
        HostThread.shared.write {
            let more = unwritten == 0 ? "" : " (\(unwritten) more such lines were left out)"
            let logger = speaker.logger(for: stream)
            logger?.warning("host->\(function) \(problem())\(more)")
            for line in lines { logger?.warning("\(line)") }
        }
    }

    /// A call with the handle of a stream that is over, or with NULL, or with no handle at all.
    static func stale(_ function: StaticString, stream: OpaquePointer?) {
        let token = StreamToken(stream)
        misuse(
            function, token == nil ? "was called with NULL for a stream" : "was called for a stream that is over",
            stream: token)
    }

    /// This many lines had no room.
    static func countedDropped(_ count: Int) {
        current.withLock(\.self)?.warning(
            "log lines dropped: plugins wrote them faster than they could be processed",
            metadata: ["count": .stringConvertible(count)]
        )
    }

    private static let limit = LogLimit()
    /// The budget of all lines whose producer is not known.
    private static let budget = LogBudget()
    private static let untold = Untold()

    /// Whom a line belongs to: the stream's producer, even if the stream is over.
    private struct Speaker: Sendable {
        private let producer: PluginProducer?
        /// `nil` if the producer is not known.
        let callbacks: ProducerCallbacks?

        init(of stream: StreamToken?) {
            producer = stream.flatMap(ConnectedRuntime.producer)
            callbacks = producer?.callbacks ?? stream.flatMap(ProducerCallbacks.of)
        }

        var budget: LogBudget { callbacks?.logBudget ?? HostLog.budget }

        /// - Parameter stream: named in the lines, if there is one.
        func logger(for stream: StreamToken?) -> Logger? {
            guard let stream else { return callbacks?.currentLogger ?? HostLog.current.withLock(\.self) }
            if let logger = producer?.logger(for: stream) ?? callbacks?.logger(for: stream) { return logger }
            var logger = HostLog.current.withLock(\.self)
            logger?[metadataKey: "stream"] = "\(stream)"
            return logger
        }
    }

    /// Producers of which lines were left out, and that was not logged yet; `nil`: lines whose producer is not known.
    private final class Untold: Sendable {
        private let speakers = Mutex<[Int: ProducerCallbacks?]>([:])

        func note(_ callbacks: ProducerCallbacks?) {
            speakers.withLock { _ = $0.updateValue(callbacks, forKey: callbacks?.number ?? -1) }
        }

        func take() -> [ProducerCallbacks?] {
            speakers.withLock { speakers in
                defer { speakers = [:] }
                return Array(speakers.values)
            }
        }
    }

    /// A number for each function and producer: FNV-1a of the name, and the address of the producer's
    /// `ProducerCallbacks`.
    private static func kind(_ function: StaticString, _ speaker: Speaker) -> UInt {
        var kind: UInt = 0xcbf2_9ce4_8422_2325
        for index in 0..<function.utf8CodeUnitCount {
            kind = (kind ^ UInt(function.utf8Start[index])) &* 0x100_0000_01b3
        }
        guard let callbacks = speaker.callbacks else { return kind }
        return kind ^ UInt(bitPattern: Unmanaged.passUnretained(callbacks).toOpaque())
    }
}

/// A copy of a plugin's text as it is: a thread with more stack processes it.
private final class CopiedText: @unchecked Sendable {
    // Unchecked: written by `init` only.
    private let start: UnsafeMutableRawPointer
    let count: Int

    init(_ text: UnsafePointer<CChar>, bytesMax: Int) {
        count = strnlen(text, bytesMax)
        start = .allocate(byteCount: count + 1, alignment: 1)
        memcpy(start, text, count)
        start.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    }

    deinit { start.deallocate() }

    /// As one line of the log.
    var line: String { PluginText.line(start.assumingMemoryBound(to: CChar.self)) }
}

/// Admits a few lines of each kind per period.
final class LogLimit: Sendable {
    static let linesPerPeriod = 5
    static let periodNanoseconds: Int64 = 10_000_000_000
    /// Beyond this many kinds, all of them are forgotten, and counted anew.
    static let kindsMax = 256

    private struct Kind {
        var name: UInt = 0
        var periodStart: MonotonicNanoseconds = 0
        var written = 0
        var unwritten = 0
    }

    /// In plain memory: a dictionary's functions take more stack than a plugin's thread may have.
    private struct Kinds: @unchecked Sendable {
        let memory: UnsafeMutablePointer<Kind>
        var count = 0
    }

    private let kinds: QuickMutex<Kinds>

    init() {
        let memory = UnsafeMutablePointer<Kind>.allocate(capacity: Self.kindsMax)
        memory.initialize(repeating: Kind(), count: Self.kindsMax)
        kinds = QuickMutex(Kinds(memory: memory))
    }

    deinit { kinds.withLock { $0.memory.deallocate() } }

    /// - Returns: `nil` if the line must be left out; otherwise how many lines of this kind were left out since the
    ///   last one that was not.
    func admit(_ name: UInt, now: MonotonicNanoseconds) -> Int? {
        kinds.withLock { kinds in
            var index = 0
            while index < kinds.count, kinds.memory[index].name != name { index += 1 }
            if index == kinds.count {
                if index == Self.kindsMax { index = 0 }
                kinds.count = index + 1
                kinds.memory[index] = Kind(name: name, periodStart: now)
            }
            let kind = kinds.memory + index
            if now &- kind.pointee.periodStart >= Self.periodNanoseconds {
                kind.pointee.periodStart = now
                kind.pointee.written = 0
            }
            guard kind.pointee.written < Self.linesPerPeriod else {
                kind.pointee.unwritten += 1
                return nil
            }
            kind.pointee.written += 1
            defer { kind.pointee.unwritten = 0 }
            return kind.pointee.unwritten
        }
    }
}

extension Logger.Level {
    /// A level of sluice.h; an unknown one counts as the nearest known one.
    init(pluginLevel: Int32) {
        switch pluginLevel {
        case ...Int32(SLUICE_LOG_DEBUG): self = .debug
        case Int32(SLUICE_LOG_INFO): self = .info
        case Int32(SLUICE_LOG_WARNING): self = .warning
        default: self = .error
        }
    }
}
