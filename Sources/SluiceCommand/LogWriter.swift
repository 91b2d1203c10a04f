import CLinux
import CommandOutput
import Glibc
import Locks
import Logging
import PluginHost
import Settings
import Synchronization
import SystemCalls

/// Writes log lines to a descriptor on its own thread, so that logging never waits for a slow terminal or pipe.
///
/// Lines wait in a bounded queue. A line that does not fit is dropped; the number of dropped lines is logged as soon as
/// there is room again.
final class LogWriter: Sendable {
    private struct Queue {
        var pending: [UInt8] = []
        var droppedLines = 0
        var isFinished = false
    }

    private let queue = Mutex(Queue())
    private let wakeUp = Semaphore()
    private let done = Semaphore()
    private let descriptor: Int32
    private let format: LogFormat
    private let capacityBytes: Int
    private let lowest = Atomic(0)
    /// Logs messages recorded earlier by code that could not log them itself.
    private let earlierLines: @Sendable () -> Void

    /// How long the end of the process waits for a reader that does not read. Seconds.
    private static let finishSeconds = 2

    /// Starts the thread. The caller keeps the descriptor, and must not close it before `finish`.
    /// - Parameter earlierLines: called before each line, and at the end; it can write lines itself.
    init(
        descriptor: Int32 = STDERR_FILENO, format: LogFormat, capacityBytes: Int = 1 << 20,
        earlierLines: @escaping @Sendable () -> Void = HostLog.drain
    ) throws(CommandFailure) {
        self.earlierLines = earlierLines
        self.descriptor = descriptor
        self.format = format
        self.capacityBytes = capacityBytes
        let box = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, logWriterMain, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw CommandFailure("the log's thread cannot be started: \(systemError(code))")
        }
        pthread_detach(thread)
    }

    /// A copy of standard error for the log alone. A plugin can close or replace standard error itself, and a
    /// connection could then get its number.
    static func ownErrorOutput() -> Int32 {
        let copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
        return copy >= 0 ? copy : STDERR_FILENO
    }

    /// The lowest level that is written; applies to existing loggers, too.
    var level: Logger.Level {
        get { Logger.Level.allCases[lowest.load(ordering: .relaxed)] }
        set { lowest.store(Logger.Level.allCases.firstIndex(of: newValue) ?? 0, ordering: .relaxed) }
    }

    /// A logger that writes here, and that follows the writer's level.
    func logger(level: Logger.Level) -> Logger {
        self.level = level
        return Logger(label: "sluice") { _ in LineLogHandler(writer: self) }
    }

    /// Queues a line, or counts it as dropped. Never blocks on the descriptor.
    func write(_ line: LogLine) {
        earlierLines()
        let bytes = encoded(line)
        let isFirst = queue.withLock { queue in
            guard !queue.isFinished else { return false }
            let isFirst = queue.pending.isEmpty && queue.droppedLines == 0
            if queue.pending.count + bytes.count <= capacityBytes {
                queue.pending += bytes
            } else {
                queue.droppedLines += 1
            }
            return isFirst
        }
        if isFirst { wakeUp.post() }
    }

    /// Writes the queued lines and ends the thread; waits two seconds at most. Later lines are ignored, and later calls
    /// do nothing.
    func finish() {
        earlierLines()
        let isFirst = queue.withLock { queue in
            defer { queue.isFinished = true }
            return !queue.isFinished
        }
        guard isFirst else { return }
        wakeUp.post()
        _ = done.wait(seconds: Self.finishSeconds)
    }

    fileprivate func run() {
        var batch = Queue()
        repeat {
            wakeUp.wait()
            queue.withLock { queue in
                swap(&batch, &queue)
                queue.isFinished = batch.isFinished
            }
            writeFully(batch.pending, to: descriptor)
            if batch.droppedLines > 0 { writeFully(encoded(Self.dropped(batch.droppedLines)), to: descriptor) }
            batch.pending.removeAll(keepingCapacity: batch.pending.capacity <= 1 << 16)
            batch.droppedLines = 0
        } while !batch.isFinished
        done.post()
    }

    private func encoded(_ line: LogLine) -> [UInt8] {
        switch format {
        case .text: line.text
        case .json: line.json
        }
    }

    private static func dropped(_ count: Int) -> LogLine {
        LogLine(
            time: .now, level: .warning, message: "log lines dropped: they came faster than they could be written",
            metadata: ["count": .stringConvertible(count)])
    }
}

private func logWriterMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    // Other threads handle the signals. Writing to a closed pipe returns an error here instead of SIGPIPE.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    sluice_set_thread_name("sluice-log")
    guard let context else { return nil }
    Unmanaged<LogWriter>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// Connects `LogWriter` to swift-log.
private struct LineLogHandler: LogHandler {
    let writer: LogWriter
    /// This logger's own level, if it was set.
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(writer: LogWriter) { self.writer = writer }

    var logLevel: Logger.Level {
        get { ownLevel ?? writer.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        writer.write(LogLine(time: .now, level: event.level, message: event.message.description, metadata: fields))
    }
}

extension timespec {
    static var now: timespec {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
    }
}
