import Glibc
import ProducerInterface

/// How a probe went, as far as the server can see from outside.
struct ProbeOutcome {
    enum Ending: Equatable {
        case status(Int32)
        case signal(Int32)
        /// It had to be killed.
        case late
        /// Something else took the exit status.
        case unknown
    }

    var report: ProbeReport
    var ending: Ending
    /// The beginning of what it wrote to its output and error output.
    var output: [UInt8]
    let settings: Prober.Settings

    /// How much of a plugin's output is quoted, in bytes.
    static let outputMax = 512

    /// - Returns: what the plugin declares.
    /// - Throws: why it must not be loaded.
    func declaration(ofContent content: String) throws(Defect) -> String {
        guard !report.isGarbage else {
            throw Defect(
                "it writes to a descriptor that it did not open", remedy: "remove that write")
        }
        switch report.verdict {
        case .refused(var defect):
            defect.isDeclared = report.stage == .manifest
            throw defect
        case .accepted(content, let declaration): return declaration
        case .accepted:
            throw Defect("its private copy was changed while it was probed", remedy: "find out what changes it")
        case nil:
            // The operator decides on time and memory.
            throw Defect(
                failure + quotedOutput, remedy: remedy,
                cause: ending == .late || report.isOutOfMemory ? .surroundings : .content)
        }
    }

    private var culprit: String {
        switch report.stage {
        case .starting: "the probe"
        case .constructors: "its constructors"
        case .entry: "its entry"
        case .manifest: "what it declares"
        }
    }

    private var failure: String {
        if report.isOutOfMemory {
            return "\(culprit) ran out of memory (\(Self.mebibytes(settings.memoryBytes)), then \(ended))"
        }
        return switch ending {
        case .late:
            report.stage == .starting
                ? "the probe did not start within \(seconds)" : "\(culprit) did not finish within \(seconds)"
        case .signal(let number): "\(culprit) ended the probe (\(Self.name(ofSignal: number)))"
        case .status(Probe.mute): "\(culprit) closed the descriptors of the process"
        case .status(let status): "\(culprit) ended the process (exit status \(status))"
        case .unknown: "\(culprit) ended the process"
        }
    }

    private var ended: String {
        switch ending {
        case .late: "no answer within \(seconds)"
        case .signal(let number): Self.name(ofSignal: number)
        case .status(let status): "exit status \(status)"
        case .unknown: "the end"
        }
    }

    private var remedy: String {
        if report.isOutOfMemory { return "allocate when a stream opens, or raise --probe-memory" }
        if report.stage == .starting {
            return ending == .late
                ? "raise --probe-deadline if the machine is busy"
                : "check the system log and the server's limits"
        }
        return switch ending {
        case .late: "do only what declaring producers needs, or raise --probe-deadline"
        case .status(Probe.mute): "close only what the plugin itself opened"
        case .status: "to refuse, return NULL from the entry, and give the reason with host->log"
        case .signal, .unknown: "gdb --args sluice probe FILE.so shows where it happens"
        }
    }

    private var seconds: String {
        let milliseconds = settings.deadlineNanoseconds / 1_000_000
        return milliseconds.isMultiple(of: 1000) ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }

    /// Output before a crash often explains it.
    private var quotedOutput: String {
        let text = onOneLine(String(decoding: output.prefix(Self.outputMax), as: UTF8.self))
            .split(separator: " ").joined(separator: " ")
        return text.isEmpty ? "" : ", after writing \"\(text)\""
    }

    private static func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

    static func name(ofSignal number: Int32) -> String {
        let names: [Int32: String] = [
            SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGHUP: "SIGHUP", SIGILL: "SIGILL",
            SIGINT: "SIGINT",
            SIGKILL: "SIGKILL", SIGPIPE: "SIGPIPE", SIGQUIT: "SIGQUIT", SIGSEGV: "SIGSEGV", SIGSYS: "SIGSYS",
            SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP", SIGXCPU: "SIGXCPU", SIGXFSZ: "SIGXFSZ",
        ]
        return names[number] ?? "signal \(number)"
    }
}
