package import CommandOutput
import Files
import Glibc
import SystemCalls

/// The path of a server's control socket. The server and `sluice reload` both derive it from the directory of plugins.
///
/// Each directory of plugins has its own socket, in a directory that only its user can enter:
/// `$XDG_RUNTIME_DIR/sluice`, or `/tmp/sluice-UID` if there is none.
package enum ControlPath {
    /// The setting's value for no control socket.
    package static let none = "none"
    /// The longest path that an address can hold, in bytes; unix(7).
    package static let bytesMax = UnixSocket.pathBytesMax

    /// - Parameter runtimeDirectory: the value of XDG_RUNTIME_DIR.
    package static func directory(
        runtimeDirectory: String? = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) }
    ) -> String {
        guard let runtimeDirectory, runtimeDirectory.hasPrefix("/"), isOwn(runtimeDirectory) else {
            return "/tmp/sluice-\(geteuid())"
        }
        return runtimeDirectory + "/sluice"
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

    /// Creates the standard directory, and checks that it belongs to this user and that no one else can enter it.
    package static func prepare(_ directory: String) throws(CommandFailure) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure("\(directory): can't be created (\(systemError()))")
        }
        var status = stat()
        guard lstat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
            status.st_mode & 0o077 == 0
        else {
            throw CommandFailure(
                "\(directory): must be a directory that belongs to this user (\(geteuid())) and that no one else can enter"
            )
        }
    }

    /// The sockets in the standard directory, whether or not a server is running.
    package static func all(in directory: String = directory()) -> [String] {
        ((try? names(in: directory)) ?? []).filter { $0.hasSuffix(".sock") }.map { "\(directory)/\($0)" }
    }
}

extension ContentID {
    fileprivate init(of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { ContentID(of: $0) }
    }
}
