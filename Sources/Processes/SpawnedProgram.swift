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
        if output == .kept, sluice_pipe(&ends) != 0 { throw failure(errno) }
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
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return try state.withLock { state throws(CommandFailure) in
            kill(-pid, SIGKILL)
            state.group = nil
            var status: Int32 = 0
            var reaped: pid_t
            repeat { reaped = waitpid(pid, &status, 0) } while reaped < 0 && errno == EINTR
            // Not taken for a success.
            guard reaped == pid else {
                throw CommandFailure(
                    "\(words[0]): its exit status is unknown (\(systemError())); is SIGCHLD ignored?"
                )
            }
            let signal = status & 0x7f
            return Ending(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: text.text)
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
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        if pipe >= 0 {
            posix_spawn_file_actions_adddup2(&actions, pipe, 1)
            posix_spawn_file_actions_adddup2(&actions, pipe, 2)
        }
        // Whatever this process blocks or ignores, a compiler starts like from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { pointers.forEach { free($0) } }
        var variables: [UnsafeMutablePointer<CChar>?] = environment().map { strdup($0) } + [nil]
        defer { variables.forEach { free($0) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, words[0], &actions, &attributes, &pointers, &variables)
        guard code == 0 else { throw failure(code) }
        InheritedLimits.restore(in: pid)
        return pid
    }

    /// This process's own, but for the place of temporary files.
    private func environment() -> [String] {
        let variables = ProcessEnvironment.variables
        guard let temporary else { return variables }
        return variables.filter { !$0.hasPrefix("TMPDIR=") } + ["TMPDIR=\(temporary)"]
    }

    private func failure(_ code: Int32) -> CommandFailure {
        CommandFailure("\(words[0]) cannot be started: \(systemError(code))")
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
