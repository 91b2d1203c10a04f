package import CommandOutput
import Files
import Glibc
import SystemCalls

/// The path of a server's control socket. The server and `sluice reload` both derive it from the directory of plugins.
///
/// Each directory of plugins has its own socket: for a unit with `RuntimeDirectory=` there, so that it is found from
/// outside the unit, which can have a `/tmp` of its own; else in a directory that only its user can enter,
/// `$XDG_RUNTIME_DIR/sluice` or `/tmp/sluice-UID`.
package enum ControlPath {
    /// The setting's value for no control socket.
    package static let none = "none"
    /// The longest path that an address can hold, in bytes; unix(7).
    package static let bytesMax = UnixSocket.pathBytesMax

    /// Where the sockets of a system service are, with the usual `RuntimeDirectory=sluice`.
    package static let serviceDirectory = "/run/sluice"

    /// The directory for a server's own socket.
    /// - Parameters:
    ///   - unitDirectory: the value of RUNTIME_DIRECTORY, which can name several (systemd.exec(5)).
    ///   - userDirectory: the value of XDG_RUNTIME_DIR.
    package static func directory(
        unitDirectory: String? = getenv("RUNTIME_DIRECTORY").map { String(cString: $0) },
        userDirectory: String? = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) }
    ) -> String {
        if let first = unitDirectory?.split(separator: ":").first.map(String.init), isUsable(first) { return first }
        guard let userDirectory, isUsable(userDirectory) else { return "/tmp/sluice-\(geteuid())" }
        return userDirectory + "/sluice"
    }

    private static func isUsable(_ directory: String) -> Bool { directory.hasPrefix("/") && isOwn(directory) }

    /// The directories in which a server's socket can be.
    private static var places: [String] { [directory(), serviceDirectory] }

    /// The socket of the server of a directory of plugins, as a client finds it.
    package static func existing(for pluginDirectory: String) -> String {
        let paths = places.map { standard(for: pluginDirectory, in: $0) }
        return paths.first { access($0, F_OK) == 0 } ?? paths[0]
    }

    /// The socket for a directory of plugins, the same for every spelling of its path. Symbolic links are not followed:
    /// when somebody runs a reload, a link can already point to a new release.
    package static func standard(for pluginDirectory: String, in directory: String = directory()) -> String {
        let path = absolute(pluginDirectory)
        let name = path.split(separator: "/").last.map {
            String($0.unicodeScalars.filter(isPlain).prefix(24).map(Character.init))
        }
        let hash = "\(ContentID(of: Array(path.utf8)))".prefix(16)
        return "\(directory)/\(name ?? "root")-\(hash).sock"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII
            && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-_".unicodeScalars.contains(scalar))
    }

    /// The path from the root, without ".", ".." and double slashes.
    package static func absolute(_ path: String) -> String {
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : workingDirectory() + "/" + path).split(separator: "/")
        where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func isOwn(_ directory: String) -> Bool {
        var status = stat()
        return stat(directory, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
    }

    /// Creates the standard directory, and checks that it belongs to this user and that no one else can enter it; one
    /// that the service manager has made, others can enter, but not change.
    package static func prepare(
        _ directory: String, unitDirectory: String? = getenv("RUNTIME_DIRECTORY").map { String(cString: $0) }
    ) throws(CommandFailure) {
        let isOfUnit = unitDirectory?.split(separator: ":").first.map(String.init) == directory
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure("\(directory): can't be created (\(systemError()))")
        }
        var status = stat()
        guard lstat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
            status.st_mode & (isOfUnit ? 0o022 : 0o077) == 0
        else {
            throw CommandFailure(
                "\(directory): must be a directory that belongs to this user (\(geteuid())) and that no one else can enter"
            )
        }
    }

    /// The sockets in the standard directories, whether or not a server is running.
    package static func all(in directories: [String]? = nil) -> [String] {
        var paths: [String] = []
        for directory in directories ?? places {
            let found = ((try? names(in: directory)) ?? []).filter { $0.hasSuffix(".sock") }
            paths += found.map { "\(directory)/\($0)" }.filter { !paths.contains($0) }
        }
        return paths
    }
}

extension ContentID {
    fileprivate init(of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { ContentID(of: $0) }
    }
}
