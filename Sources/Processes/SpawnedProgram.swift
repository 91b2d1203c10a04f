import CLinux
package import CommandOutput
import Glibc
import Synchronization
import SystemCalls

/// A program that this one runs and waits for, as a compiler.
package final class SpawnedProgram: Sendable {
    package struct Ending: Sendable {
        /// The exit status; 128 and the signal's number if one ended it.
        package let status: Int32
        /// What it wrote to its output and its error output, if that was kept; cut where it became too much.
        package let output: String
    }

    package enum Output: Sendable {
        /// Goes where this process's own goes, untouched.
        case passed
        /// Kept up to a limit.
        case kept
    }

    package static let keptBytesMax = 64 * 1024

    /// How often it is asked whether this process is to end. Milliseconds.
    private static let askingInterval: Int32 = 100
    /// How long it may take to end once it was asked to.
    private static let grace = Duration.seconds(2)

    private struct State {
        var group: pid_t?
        var isEnded = false
        /// When it is killed, once it was asked to end.
        var killingTime: ContinuousClock.Instant?
    }

    private let words: [String]
    private let output: Output
    private let temporary: String?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - words: the program, found through `PATH` if it has no slash, and its arguments.
    ///   - temporary: where it shall put its temporary files; some programs don't remove theirs.
    package init(_ words: [String], output: Output, temporary: String? = nil) {
        self.words = words
        self.output = output
        self.temporary = temporary
    }

    /// Starts the program, in a process group of its own, and waits for its end; what it leaves running in that group
    /// is ended too. When this process is asked to end, so is the program.
    /// - Throws: if the system cannot start it.
    package func run() throws(CommandFailure) -> Ending {
        var ends: [Int32] = [-1, -1]
        if output == .kept, sluice_pipe(&ends) != 0 { throw failure(systemError()) }
        defer { if ends[0] >= 0 { close(ends[0]) } }
        let pid = try state.withLock { state throws(CommandFailure) -> pid_t in
            defer { if ends[1] >= 0 { close(ends[1]) } }
            guard !state.isEnded, !Termination.isRequested else {
                throw CommandFailure("\(words[0]): not started, because this process is ending")
            }
            let pid = try start(writingTo: ends[1])
            state.group = pid
            return pid
        }
        let process = sluice_open_process(pid)
        defer { if process >= 0 { close(process) } }
        var text = KeptText()
        watch(process, ends[0], &text)
        // Looks first and reaps under the lock, so that `end` never meets a number that was given to somebody else.
        ProgramEnd.wait(for: pid)
        return try state.withLock { state throws(CommandFailure) in
            kill(-pid, SIGKILL)
            state.group = nil
            // Not taken for a success.
            guard let end = ProgramEnd.reap(pid) else {
                throw CommandFailure(
                    "\(words[0]): its exit status is unknown (\(systemError())); is SIGCHLD ignored?"
                )
            }
            return Ending(status: end.shellStatus, output: text.text)
        }
    }

    /// Ends the program and all that it started, killing what does not heed SIGTERM; `run` returns soon, and starts
    /// nothing if it has not begun. Any thread.
    package func end() {
        state.withLock { state in
            state.isEnded = true
            guard let group = state.group else { return }
            if state.killingTime == nil { state.killingTime = .now + Self.grace }
            kill(-group, SIGTERM)
        }
    }

    /// Returns when the process has ended and what it wrote until then is read: something that it started may keep the
    /// pipe for longer.
    private func watch(_ process: Int32, _ pipe: Int32, _ text: inout KeptText) {
        var wanted = [pipe, process].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // Without a descriptor of the process, the end of the pipe has to do.
        while wanted.contains(where: { $0.fd >= 0 }) {
            let count = poll(&wanted, nfds_t(wanted.count), Self.askingInterval)
            if Termination.isRequested { end() }
            killIfLate()
            guard count > 0 else { continue }
            if wanted[1].revents != 0 {
                while !text.isCut, wanted[0].fd >= 0, poll(&wanted, 1, 0) > 0, text.read(pipe) {}
                return
            }
            if wanted[0].revents != 0, !text.read(pipe) { wanted[0].fd = -1 }
        }
    }

    private func killIfLate() {
        state.withLock { state in
            if let group = state.group, let time = state.killingTime, .now > time {
                kill(-group, SIGKILL)
            }
        }
    }

    private func start(writingTo pipe: Int32) throws(CommandFailure) -> pid_t {
        let variables = temporary.map { ProcessEnvironment.variables(with: ["TMPDIR": $0]) }
        var program = ProgramStart(words, variables: variables ?? ProcessEnvironment.variables)
        if pipe >= 0 { program.descriptors = [(1, .copy(of: pipe)), (2, .copy(of: pipe))] }
        program.leadsGroup = true
        do {
            let pid = try program.start()
            InheritedLimits.restore(in: pid)
            return pid
        } catch { throw failure("\(error)") }
    }

    private func failure(_ reason: String) -> CommandFailure {
        CommandFailure("\(words[0]) cannot be started: \(reason)")
    }
}

/// The first of what a program writes.
private struct KeptText {
    private var kept: [UInt8] = []
    private(set) var isCut = false

    var text: String {
        String(decoding: kept, as: UTF8.self) + (isCut ? "\n(the rest is left out)\n" : "")
    }

    /// Reads once.
    /// - Returns: `false` at the end.
    mutating func read(_ descriptor: Int32) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count < 0 { return errno == EINTR }
        let room = SpawnedProgram.keptBytesMax - kept.count
        kept += chunk[..<min(count, room)]
        isCut = isCut || count > room
        return count > 0
    }
}
