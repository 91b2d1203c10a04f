import Glibc
import Synchronization

/// A copy of a plugin's file, in a directory that only this user can enter; both are gone with the last reference, unless they are kept.
///
/// A file that is mapped must never change: overwritten in place, it would raise SIGBUS in the running code. And what is loaded is
/// exactly what was probed.
final class PrivateCopy: Sendable {
    let path: String
    private let directory: String
    private let isKept: Bool
    private static let count = Atomic<UInt64>(0)

    /// - Parameter folder: where the copy stays, so that a report of a crash finds the lines of the code; who made the folder removes it.
    init(of file: PluginFile, keptIn folder: String? = nil) throws(Defect) {
        isKept = folder != nil
        let parent = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(Self.directoryPrefix)XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Defect(
                "no private directory can be made for it in \(parent) (\(systemError()))",
                remedy: "set TMPDIR to a directory that the server's user can write to", isLasting: false)
        }
        directory = String(cString: made)
        // The name is for those who look into /proc/PID/maps; 255 bytes is the most that one may have.
        let name = file.path.split(separator: "/").last?.suffix(48) ?? "plugin.so"
        path = "\(directory)/\(Self.count.add(1, ordering: .relaxed).newValue)-\(name)"
        let failure = Self.write(file.bytes, to: path)
        guard failure == 0 else {
            throw Defect(
                "it can't be copied to \(parent) (\(systemError(failure)))",
                remedy: "make room there, or set TMPDIR to another place", isLasting: false)
        }
    }

    deinit {
        if isKept { return }
        unlink(path)
        rmdir(directory)
    }

    /// The path of the copy that a line of /proc/self/maps is about: all have a directory of this form, and are deleted or kept.
    static func path(inMap text: String) -> String? {
        let mark = " (deleted)"
        let path = text.hasSuffix(mark) ? text.dropLast(mark.count) : text[...]
        let parts = path.split(separator: "/")
        guard parts.count >= 2, parts[parts.count - 2].hasPrefix(directoryPrefix), parts.last?.first?.isNumber == true
        else {
            return nil
        }
        return String(path)
    }

    private static let directoryPrefix = "sluice-"

    /// - Returns: an `errno`, or 0.
    private static func write(_ bytes: [UInt8], to path: String) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o500)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
                if count > 0 { written += count }
                if count < 0 && errno != EINTR { return errno }
            }
            return 0
        }
    }
}
