import CommandOutput
import Glibc
import Logging
import Synchronization
import SystemCalls

/// Writes down what a scenario finds, each thing once, as soon as it is known.
final class ScenarioReport: Sendable {
    private let descriptor: Int32
    private let written = Mutex<Set<String>>([])
    /// A scenario that finds the same defect in a thousand streams says so a few times.
    private static let linesMax = 200

    /// - Throws: if the file can't be written.
    init(path: String) throws(CommandFailure) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure("\(path): \(systemError())") }
    }

    func write(_ line: ScenarioLine) {
        let text = line.text
        let isNew = written.withLock { $0.count < Self.linesMax && $0.insert(text).inserted }
        if isNew { writeFully(Array((text + "\n").utf8), to: descriptor) }
    }

    func found(_ kind: Finding.Kind, _ text: String) { write(.finding(Finding(kind: kind, text: text))) }
    func measured(_ name: String, _ value: String) { write(.figure(name: name, value: value)) }

    /// A logger whose lines about broken rules become findings; what the plugin says itself is its own business.
    var logger: Logger {
        var logger = Logger(label: "check") { _ in LogReader(report: self) }
        logger.logLevel = .warning
        return logger
    }

    private struct LogReader: LogHandler {
        let report: ScenarioReport
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.warning

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            if let finding = Finding(ofLogLine: "\(event.message)", all.mapValues { "\($0)" }) {
                report.write(.finding(finding))
            }
        }
    }
}

extension Finding {
    /// - Returns: `nil` for a line that accuses nobody.
    init?(ofLogLine message: String, _ metadata: [String: String]) {
        switch message {
        case "stream failed":
            let error = metadata["error"] ?? ""
            // A producer that fails with a reason does what it may.
            guard
                error.hasPrefix("the contract of sluice.h was broken") || error.contains("which is not one of SLUICE_")
                    || error.hasPrefix("host->")
            else { return nil }
            self.init(kind: .contract, text: "\(metadata["during"] ?? "next"): \(error)")
        case _ where message.hasPrefix("producer stalls its loop"):
            self.init(
                kind: .blocking,
                text:
                    "\(metadata["function"] ?? "a call") took \(metadata["took_ms"] ?? "?") ms, but SLUICE_NONBLOCKING "
                    + "promises less than 1 ms"
            )
        case _ where message.hasPrefix("producer does not return"):
            self.init(
                kind: .blocking,
                text:
                    "\(metadata["function"] ?? "a call") does not return, but SLUICE_NONBLOCKING promises less "
                    + "than 1 ms"
            )
        case _ where message.hasPrefix("producer has ended a thread"):
            self.init(
                kind: .contract,
                text: "\(metadata["function"] ?? "a call") ends the thread that calls it (pthread_exit)")
        case _ where message.hasPrefix("stream should have ended"):
            self.init(
                kind: .neverEnds,
                text:
                    "a stream that should have ended (\(metadata["reason"] ?? "unknown")) is still running after "
                    + "\(metadata["for_ms"] ?? "?") ms"
            )
        case _ where message.hasPrefix("host->") && message.contains("is over"):
            self.init(kind: .late, text: message)
        case _ where message.hasPrefix("host->"):
            self.init(kind: .misuse, text: message)
        default: return nil
        }
    }
}
