import CLinux
import Glibc
import SystemCalls

/// A temporary folder that other users can't enter or replace. It exists at most as long as its owner.
///
/// The owner holds a lock on a file in it, `mark`. The kernel releases the lock when the owner's process ends, for
/// whatever reason, so later processes can tell abandoned folders from those in use.
package final class TemporaryFolder: Sendable {
    package let path: String
    /// The descriptor of the mark, with the lock.
    private let descriptor: Int32

    /// The name of the file that marks such a folder.
    package static let mark = ".sluice"

    /// How often to try. Until a new folder is locked, another process can take it for abandoned and remove it.
    private static let attemptsMax = 8

    /// Creates a folder.
    /// - Returns: the folder, or why it can't be created.
    package static func make(in parent: String) -> Result<TemporaryFolder, TemporaryPlaces.Failure> {
        var reason = ""
        for _ in 0..<attemptsMax {
            var template = Array("\(parent)/\(TemporaryPlaces.prefix)XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { return .failure(TemporaryPlaces.Failure(parent, systemError())) }
            let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            if let objection = WriteAccess.ofThisProcess.objection(to: path) {
                rmdir(path)
                return .failure(TemporaryPlaces.Failure(parent, objection.rule))
            }
            let descriptor = open("\(path)/\(mark)", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            let code = errno
            guard descriptor >= 0 else {
                rmdir(path)
                return .failure(TemporaryPlaces.Failure(parent, systemError(code)))
            }
            if lock(descriptor) { return .success(TemporaryFolder(path, descriptor)) }
            // Another process took the folder for abandoned before it was locked.
            reason = systemError()
            close(descriptor)
        }
        return .failure(TemporaryPlaces.Failure(parent, reason))
    }

    /// The folders in a place that processes of this user abandoned. The caller now owns them, and must remove them.
    package static func leftBehind(in place: String) -> [TemporaryFolder] {
        guard let listing = opendir(place) else { return [] }
        defer { closedir(listing) }
        var folders: [TemporaryFolder] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(TemporaryPlaces.prefix), name.utf8.count == TemporaryPlaces.prefix.utf8.count + 6,
                let folder = taken("\(place)/\(name)")
            else { continue }
            folders.append(folder)
        }
        return folders
    }

    /// - Returns: `nil` if it is not such a folder, if it is in use, or if others could replace it.
    private static func taken(_ path: String) -> TemporaryFolder? {
        var folder = stat()
        guard lstat(path, &folder) == 0, folder.st_mode == S_IFDIR | 0o700, folder.st_uid == geteuid(),
            WriteAccess.ofThisProcess.objection(to: path) == nil
        else { return nil }
        let descriptor = open("\(path)/\(mark)", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var file = stat()
        guard fstat(descriptor, &file) == 0, file.st_mode == S_IFREG | 0o600, file.st_size == 0, lock(descriptor) else {
            close(descriptor)
            return nil
        }
        return TemporaryFolder(path, descriptor)
    }

    /// - Returns: `false` if another process has the lock or has removed the file.
    private static func lock(_ descriptor: Int32) -> Bool {
        var status = stat()
        return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &status) == 0 && status.st_nlink > 0
    }

    private init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Removes the folder, if it only contains the mark.
    package func remove() {
        unlink("\(path)/\(Self.mark)")
        rmdir(path)
    }

    deinit { close(descriptor) }
}
