import CLinux
import Glibc

/// The working directory, where relative paths of plugins and of their configuration begin.
struct KeptDirectory: KeptPart {
    /// -1: it cannot be opened.
    private let descriptor = open(".", sluice_path_only | O_DIRECTORY | O_CLOEXEC)

    mutating func putBack(isLoading: Bool) -> [String] {
        var (kept, now) = (stat(), stat())
        guard descriptor >= 0, fstat(descriptor, &kept) == 0 else { return [] }
        let isHere = stat(".", &now) == 0 && now.st_dev == kept.st_dev && now.st_ino == kept.st_ino
        guard !isHere, fchdir(descriptor) == 0 else { return [] }
        return ["the working directory"]
    }
}

/// umask(2) cannot be read without changing it, so it is read from proc(5).
struct KeptFileMask: KeptPart {
    private let mask = KeptFileMask.present()

    mutating func putBack(isLoading: Bool) -> [String] {
        guard let mask, let now = Self.present(), now != mask else { return [] }
        umask(mask)
        return ["the file mode mask (\(String(now, radix: 8)))"]
    }

    private static func present() -> mode_t? {
        let descriptor = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        // The second line.
        let line = bytes.prefix(max(0, count)).split(separator: UInt8(ascii: "\n"))
            .first { $0.starts(with: "Umask:".utf8) }
        return line.flatMap { mode_t(String(decoding: $0.dropFirst(7), as: UTF8.self), radix: 8) }
    }
}

/// setrlimit(2). Only limits that were lowered are restored: a higher limit does no harm.
struct KeptLimits: KeptPart {
    private static let names = [
        "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
        "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
    ]

    private var kept = KeptLimits.names.indices.map(KeptLimits.limit)

    mutating func putBack(isLoading: Bool) -> [String] {
        var changed: [String] = []
        for (resource, name) in Self.names.enumerated() {
            let now = Self.limit(of: resource)
            guard now.rlim_cur < kept[resource].rlim_cur || now.rlim_max < kept[resource].rlim_max else { continue }
            // Both limits, if this process may raise the hard one; otherwise as far as possible.
            var left = ""
            if !Self.set(resource, to: kept[resource]) {
                kept[resource].rlim_max = now.rlim_max
                kept[resource].rlim_cur = min(kept[resource].rlim_cur, now.rlim_max)
                _ = Self.set(resource, to: kept[resource])
                left = " (the hard limit stays \(now.rlim_max))"
            }
            changed.append("RLIMIT_\(name)\(left)")
        }
        return changed
    }

    private static func limit(of resource: Int) -> rlimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(UInt32(resource)), &limit)
        return limit
    }

    private static func set(_ resource: Int, to limit: rlimit) -> Bool {
        var limit = limit
        return setrlimit(__rlimit_resource_t(UInt32(resource)), &limit) == 0
    }
}

/// Descriptors 0 to 2. One that was closed is opened again, before a connection gets its number and a client gets what
/// a library prints there. One that now leads elsewhere is left alone.
struct KeptDescriptors: KeptPart {
    private static let standard: [(number: Int32, name: String)] = [
        (STDIN_FILENO, "standard input"), (STDOUT_FILENO, "standard output"), (STDERR_FILENO, "standard error"),
    ]

    private let kept: [(number: Int32, name: String, copy: Int32)]

    /// - Parameter descriptors: the descriptors that are kept, and their names.
    init(_ descriptors: [(number: Int32, name: String)] = KeptDescriptors.standard) {
        kept = descriptors.map { ($0.number, $0.name, fcntl($0.number, F_DUPFD_CLOEXEC, 3)) }
    }

    mutating func putBack(isLoading: Bool) -> [String] {
        var changed: [String] = []
        for (number, name, copy) in kept where copy >= 0 && fcntl(number, F_GETFD) < 0 {
            // The lowest number that is free: never one that another thread has got meanwhile.
            let made = fcntl(copy, F_DUPFD, number)
            if made != number, made >= 0 { close(made) }
            changed.append(name)
        }
        return changed
    }
}

/// The decimal point of the C library. It is only checked on the thread that has loaded a plugin: a locale must not be
/// read while another thread sets it.
struct KeptNumberFormat: KeptPart {
    mutating func putBack(isLoading: Bool) -> [String] {
        guard isLoading, let name = setlocale(LC_NUMERIC, nil).map({ String(cString: $0) }), name != "C"
        else {
            return []
        }
        setlocale(LC_NUMERIC, "C")
        return ["the locale of numbers (\(name))"]
    }
}
