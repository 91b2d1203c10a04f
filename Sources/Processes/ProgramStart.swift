import CLinux
import Glibc
import SystemCalls

/// How to start a program: with the default signal mask and actions, whatever this process blocks or ignores, and with
/// an empty standard input; posix_spawn(3).
package struct ProgramStart: Sendable {
    /// What a descriptor of the program refers to.
    package enum Descriptor: Sendable {
        /// A copy of another descriptor, of this process or set earlier.
        case copy(of: Int32)
        /// A file that is opened in the new process, so that no other child process inherits it.
        case file(String, flags: Int32, mode: UInt32 = 0)
    }

    /// The system can't start the program.
    package struct Failure: Error, CustomStringConvertible {
        let code: Int32
        package var description: String { systemError(code) }
    }

    private let program: String
    private let words: [String]
    private let variables: [String]
    /// The program's descriptors, set in this order. It inherits the others.
    package var descriptors: [(number: Int32, Descriptor)] = []
    /// The program inherits no descriptors from this number on.
    package var closedFrom: Int32?
    /// Starts a new process group, so that the program can be ended together with what it starts.
    package var leadsGroup = false

    /// - Parameters:
    ///   - words: the program, found through `PATH` if it has no slash, and its arguments.
    ///   - program: the file to execute, if it is not the first word.
    ///   - variables: its environment; each is "NAME=value".
    package init(_ words: [String], program: String? = nil, variables: [String] = ProcessEnvironment.variables) {
        self.program = program ?? words[0]
        self.words = words
        self.variables = variables
    }

    /// - Returns: the process ID; the caller must wait for the process.
    package func start() throws(Failure) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (number, descriptor) in descriptors {
            switch descriptor {
            case .copy(let other): posix_spawn_file_actions_adddup2(&actions, other, number)
            case .file(let path, let flags, let mode):
                posix_spawn_file_actions_addopen(&actions, number, path, flags, mode)
            }
        }
        // Closes them before the program begins. Later, some of these numbers can belong to threads that Swift's
        // runtime starts at any time, and the runtime ends the process if they are closed.
        if let closedFrom { sluice_spawn_closing_from(&actions, closedFrom) }

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
        let group = leadsGroup ? POSIX_SPAWN_SETPGROUP : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group))

        var arguments = CStrings(words)
        var environment = CStrings(variables)
        var process: pid_t = 0
        let code = posix_spawnp(
            &process, program, &actions, &attributes, &arguments.pointers, &environment.pointers)
        guard code == 0 else { throw Failure(code: code) }
        return process
    }
}

/// A NULL-terminated array of C strings.
private struct CStrings: ~Copyable {
    var pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit { pointers.forEach { free($0) } }
}
