import CLinux
import Glibc
import Synchronization

/// A program that this one runs and waits for, as a compiler.
final class SpawnedProgram: Sendable {
    struct Ending: Sendable {
        /// The exit status; 128 and the signal's number if one ended it.
        let status: Int32
        /// What it wrote to its output and its error output, if that was kept; cut where it became too much.
        let output: String
    }

    enum Output: Sendable {
        /// Goes where this process's own goes, untouched.
        case passed
        /// Kept up to a limit.
        case kept
    }

    static let keptBytesMax = 64 * 1024

    /// How often it is asked whether this process is to end. Milliseconds.
    private static let askingInterval: Int32 = 100

    private struct State {
        var group: pid_t?
        var isEnded = false
    }

    private let words: [String]
    private let output: Output
    private let temporary: String?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - words: the program, found through `PATH` if it has no slash, and its arguments.
    ///   - temporary: where it shall put its temporary files; some programs don't remove theirs.
    init(_ words: [String], output: Output, temporary: String? = nil) {
        self.words = words
        self.output = output
        self.temporary = temporary
    }

    /// Starts the program, in a process group of its own, and waits for its end. When this process is asked to end, so is the program, with
    /// all that it started.
    /// - Throws: if the system cannot start it.
    func run() throws(CommandFailure) -> Ending {
        var ends: [Int32] = [-1, -1]
        if output == .kept, sluice_pipe(&ends) != 0 { throw failure(errno) }
        let pid = try state.withLock { state throws(CommandFailure) -> pid_t in
            guard !state.isEnded, !ControlEvents.isTerminating else {
                throw CommandFailure("\(words[0]): not started, as all ends")
            }
            let pid = try start(writingTo: ends[1])
            state.group = pid
            return pid
        }
        if ends[1] >= 0 { close(ends[1]) }
        let text = ends[0] >= 0 ? readAll(ends[0]) : ""
        if ends[0] >= 0 { close(ends[0]) }
        let process = sluice_open_process(pid)
        if process >= 0 {
            wait(for: process)
            close(process)
        }
        // Looks first and reaps under the lock, so that `end` never meets a number that was given to somebody else.
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return state.withLock { state in
            state.group = nil
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            return Ending(status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: text)
        }
    }

    /// Ends the program and all that it started; `run` returns soon, and starts nothing if it has not begun. Any thread.
    func end() {
        state.withLock { state in
            state.isEnded = true
            if let group = state.group { kill(-group, SIGTERM) }
        }
    }

    /// Waits until a descriptor has something to tell.
    private func wait(for descriptor: Int32) {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&wanted, 1, Self.askingInterval) <= 0 {
            if ControlEvents.isTerminating { end() }
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
        return pid
    }

    /// This process's own, but for the place of temporary files.
    private func environment() -> [String] {
        var variables: [String] = []
        var place = environ
        while let entry = place.pointee {
            variables.append(String(cString: entry))
            place += 1
        }
        guard let temporary else { return variables }
        return variables.filter { !$0.hasPrefix("TMPDIR=") } + ["TMPDIR=\(temporary)"]
    }

    private func failure(_ code: Int32) -> CommandFailure {
        CommandFailure("\(words[0]) cannot be started: \(String(cString: strerror(code)))")
    }

    private func readAll(_ descriptor: Int32) -> String {
        var kept: [UInt8] = []
        var isCut = false
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            wait(for: descriptor)
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            let room = Self.keptBytesMax - kept.count
            kept += chunk[..<min(count, room)]
            isCut = isCut || count > room
        }
        return String(decoding: kept, as: UTF8.self) + (isCut ? "\n(and more, left out here)\n" : "")
    }
}
