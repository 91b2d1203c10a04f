import Glibc
import Logging
import Settings

/// The listening sockets that a service manager has opened for this process; sd_listen_fds(3).
struct PassedSockets: Sendable, Equatable {
    struct Socket: Sendable, Equatable {
        let descriptor: Int32
        /// `FileDescriptorName=`; the name of the unit unless set.
        let name: String
    }

    private(set) var sockets: [Socket] = []

    init(_ sockets: [Socket] = []) { self.sockets = sockets }

    /// The first descriptor that is passed.
    private static let first: Int32 = 3

    /// Takes the sockets out of the environment, so that child processes inherit neither the variables nor the
    /// descriptors. Call it while there is only one thread.
    static func take() -> PassedSockets {
        let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]
        let values = variables.map { name in getenv(name).map { String(cString: $0) } }
        for name in variables { unsetenv(name) }
        let passed = PassedSockets(process: values[0], count: values[1], names: values[2], ownProcess: getpid())
        for socket in passed.sockets { _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC) }
        return passed
    }

    /// - Parameters: the values of the three variables, and the number of this process.
    init(process: String?, count: String?, names: String?, ownProcess: pid_t) {
        guard let process, pid_t(process) == ownProcess, let count = count.flatMap({ Int32($0) }), count > 0 else {
            return
        }
        let names = names?.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? []
        for index in 0..<min(count, 1024) {
            let name = Int(index) < names.count ? names[Int(index)] : "unknown"
            sockets.append(Socket(descriptor: Self.first + index, name: name))
        }
    }

    /// Says so if there are sockets that no listener uses: their clients would wait for ever.
    func warnIfUnused(by addresses: [ListenAddress], _ logger: Logger) {
        let unused = sockets.filter { socket in
            !addresses.contains { address in
                guard case .systemd(let name) = address.place else { return false }
                return name == nil || name == socket.name
            }
        }
        guard !unused.isEmpty else { return }
        logger.warning(
            "the service manager has passed sockets on which the server does not listen; add 'systemd' to listen",
            metadata: ["names": "\(unused.map(\.name).joined(separator: ", "))"])
    }

    /// - Parameter name: `nil`: all.
    func descriptors(named name: String?) -> [Int32] {
        sockets.filter { name == nil || $0.name == name }.map(\.descriptor)
    }
}
