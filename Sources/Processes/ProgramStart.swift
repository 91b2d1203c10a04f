import CLinux
import Glibc
import SystemCalls

/// How a program is started, by posix_spawn(3): as from a shell, whatever this process blocks or ignores, and with
/// nothing to read.
package struct ProgramStart: Sendable {
    /// What a descriptor of the program is.
    package enum Descriptor: Sendable {
        /// The same as another, of this process or one that was set before.
        case copy(of: Int32)
        /// A file that only the new process opens, so that no other child can hold it open.
        case file(String, flags: Int32, mode: UInt32 = 0)
    }

    /// The system does not start it.
    package struct Failure: Error, CustomStringConvertible {
        let code: Int32
        package var description: String { systemError(code) }
    }

    private let program: String
    private let words: [String]
    private let variables: [String]
    /// Those that are not this process's own, set in this order.
    package var descriptors: [(number: Int32, Descriptor)] = []
    /// From this one on it has none of this process's own.
    package var closedFrom: Int32?
    /// It has a process group of its own: what it starts can be ended with it.
    package var leadsGroup = false

    /// - Parameters:
    ///   - words: the program, found through `PATH` if it has no slash, and its arguments.
    ///   - program: what is executed, if it is not what the first word says.
    ///   - variables: its environment, "NAME=value" each.
    package init(_ words: [String], program: String? = nil, variables: [String] = ProcessEnvironment.variables) {
        self.program = program ?? words[0]
        self.words = words
        self.variables = variables
    }

    /// - Returns: its process, which is to be waited for.
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
        // Before the process begins: later some are its own, of threads that Swift's runtime starts at any moment, and
        // ends the process over when they are gone.
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

/// An array of C strings, ended by NULL.
private struct CStrings: ~Copyable {
    var pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit { pointers.forEach { free($0) } }
}
