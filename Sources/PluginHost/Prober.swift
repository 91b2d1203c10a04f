import CLinux
import EventStream
import Files
import Glibc
import Processes
import ProducerInterface
import SystemCalls

/// Tries plugins in a child process before the server loads them. The child executes the same program anew: a fork of a
/// server with threads could run nothing safely.
package struct Prober: Sendable {
    package struct Settings: Sendable, Equatable {
        /// How long a plugin may take from the child's start to its verdict.
        package var deadlineNanoseconds: Int64 = 5_000_000_000
        /// How much the plugin may allocate meanwhile.
        package var memoryBytes = 1 << 30
        /// The program with the verb `probe`.
        package var executable = "/proc/self/exe"

        package init() {}
    }

    /// Set in the environment of a probe, for plugins that need to know.
    package static let variable = "SLUICE_PROBE"
    package let settings: Settings
    private let isAbandoned: @Sendable () -> Bool
    /// How often `isAbandoned` is called. Milliseconds.
    private static let askingInterval: Int32 = 100

    /// - Parameter isAbandoned: whether the verdict is no longer needed; called from any thread.
    package init(_ settings: Settings = Settings(), isAbandoned: @escaping @Sendable () -> Bool = { false }) {
        self.settings = settings
        self.isAbandoned = isAbandoned
    }

    /// Blocks until the plugin has answered, its process has ended, or its time is up. Any thread; several at a time.
    /// - Parameters:
    ///   - copy: the file that will be loaded if the plugin passes.
    ///   - begun: gets the child's clock.
    /// - Returns: what the plugin declares.
    func probe(
        _ copy: String, content: ContentID, begun: (ProcessorClock?) -> Void = { _ in }
    ) throws(Defect) -> String {
        guard !isAbandoned() else { throw Self.abandonment }
        var report = try PipeEnds()
        var output = try PipeEnds()
        let pid = try spawn(copy, report: report.writing, output: output.writing)
        begun(ProcessorClock(ofProcess: pid))
        report.closeWriting()
        output.closeWriting()
        var outcome = ProbeOutcome(
            report: ProbeReport(), ending: .late, output: [], settings: settings)
        let process = sluice_open_process(pid)
        defer { if process >= 0 { close(process) } }
        let deadline = monotonicNanoseconds() + settings.deadlineNanoseconds
        watch(pid, process, report.reading, output.reading, until: deadline, &outcome)
        if outcome.report.verdict == nil {
            // What it wrote just before it ended.
            drain(report.reading) { outcome.report.take($0) }
            drain(output.reading) { outcome.keep($0) }
        }
        end(pid, &outcome)
        if outcome.report.verdict == nil, isAbandoned() { throw Self.abandonment }
        return try outcome.declaration(ofContent: "\(content)")
    }

    private static let abandonment = Defect(
        "its probe was abandoned: the server is stopping", remedy: "restart the server", cause: .moment)

    private func spawn(_ copy: String, report: Int32, output: Int32) throws(Defect) -> pid_t {
        let seconds = settings.deadlineNanoseconds / 1_000_000_000 + 1
        let words = [
            "sluice", "probe", copy, "--reports", "--parent", "\(getpid())", "--memory", "\(settings.memoryBytes)",
            "--seconds", "\(seconds)",
        ]
        var program = ProgramStart(
            words, program: settings.executable, variables: ProcessEnvironment.variables(with: [Self.variable: "1"]))
        program.descriptors = [
            (1, .copy(of: output)), (2, .copy(of: output)), (Probe.reportDescriptor, .copy(of: report)),
        ]
        // The server's other descriptors are not for the plugin.
        program.closedFrom = Probe.reportDescriptor + 1
        // Processes that the plugin starts are ended with it.
        program.leadsGroup = true
        do {
            return try program.start()
        } catch {
            throw Defect(
                "it can't be probed: no process can be started (\(error))",
                remedy: "raise the limit of processes (ulimit -u), and reload", cause: .moment)
        }
    }

    /// Reads what arrives, until there is a verdict, the process is gone, or the time is up.
    private func watch(
        _ pid: pid_t, _ process: Int32, _ report: Int32, _ output: Int32, until deadline: MonotonicNanoseconds,
        _ outcome: inout ProbeOutcome
    ) {
        var wanted = [report, output, process].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while outcome.report.verdict == nil, !outcome.report.isGarbage {
            let left = deadline - monotonicNanoseconds()
            guard left > 0, !isAbandoned() else { return }
            // Without a descriptor of the process, its end has to be polled for.
            let timeout = min(Int32(clamping: left / 1_000_000 + 1), process < 0 ? 10 : Self.askingInterval)
            guard poll(&wanted, nfds_t(wanted.count), timeout) >= 0 || errno == EINTR else { return }
            if wanted[0].revents != 0, !drain(report, { outcome.report.take($0) }) { wanted[0].fd = -1 }
            if wanted[1].revents != 0, !drain(output, { outcome.keep($0) }) { wanted[1].fd = -1 }
            if wanted[2].revents != 0 || process < 0, Self.hasEnded(pid) { return }
        }
    }

    /// Reads what is there, without waiting.
    /// - Returns: `false` at the end of the pipe.
    @discardableResult
    private func drain(_ descriptor: Int32, _ take: (ArraySlice<UInt8>) -> Void) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        // A plugin that writes without end must not hold the reader here.
        for _ in 0..<64 {
            let count = read(descriptor, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return count < 0 && errno == EAGAIN }
            take(bytes[..<count])
        }
        return true
    }

    /// Uses waitid(2) without reaping, because the group is still needed. It also returns 0 for a process that still
    /// runs.
    private static func hasEnded(_ pid: pid_t) -> Bool {
        var information = siginfo_t()
        let code = waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT)
        return code != 0 || information.si_signo == SIGCHLD
    }

    /// Ends the process and everything that it started, and finds out how it ended if it did so by itself.
    private func end(_ pid: pid_t, _ outcome: inout ProbeOutcome) {
        let endedByItself = Self.hasEnded(pid)
        // Not reaped yet, so the number still identifies this group.
        kill(-pid, SIGKILL)
        kill(pid, SIGKILL)
        outcome.ending =
            switch ProgramEnd.reap(pid) {
            case nil: .unknown
            case _ where !endedByItself: .late
            case .status(let status): .status(status)
            case .signal(let number): .signal(number)
            }
    }
}

extension ProbeOutcome {
    /// Keeps the beginning of what the plugin prints.
    mutating func keep(_ bytes: ArraySlice<UInt8>) {
        output += bytes.prefix(max(0, Self.outputMax - output.count))
    }
}

/// A pipe whose ends no other child inherits; reading from it never blocks.
private struct PipeEnds: ~Copyable {
    let reading: Int32
    private(set) var writing: Int32

    init() throws(Defect) {
        var ends: [Int32] = [-1, -1]
        guard sluice_pipe(&ends) == 0 else {
            throw Defect(
                "it can't be probed: no pipe can be created (\(systemError()))",
                remedy: "raise the limit of descriptors (ulimit -n), and reload", cause: .moment)
        }
        reading = ends[0]
        writing = ends[1]
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    mutating func closeWriting() {
        close(writing)
        writing = -1
    }

    deinit {
        close(reading)
        if writing >= 0 { close(writing) }
    }
}
