package import CommandOutput
import Glibc
import SystemCalls

/// A private folder for temporary files, which is removed with its owner.
package struct ScratchFolder: ~Copyable {
    private let folder: TemporaryFolder

    package var path: String { folder.path }

    /// The least space that compilers need. Bytes.
    private static let roomMin: off_t = 4 << 20
    /// Alternatives if /tmp is full or read-only.
    package static let otherPlaces = ["/var/tmp", "/dev/shm"]

    /// Creates a folder that other users can't read or write to.
    /// - Parameter places: the first place with enough space is used.
    package init(in places: [String] = TemporaryPlaces.all + otherPlaces) throws(CommandFailure) {
        var failures: [TemporaryPlaces.Failure] = []
        for parent in places {
            switch TemporaryFolder.make(in: parent) {
            case .success(let made):
                let failure = Self.lackOfRoom(in: made.path)
                guard failure != 0 else {
                    folder = made
                    return
                }
                made.removeAll()
                failures.append(TemporaryPlaces.Failure(parent, systemError(failure)))
            case .failure(let failure): failures.append(failure)
            }
        }
        let reasons = failures.map(\.description).joined(separator: "; ")
        throw CommandFailure("cannot create a temporary directory (\(reasons)); \(TemporaryPlaces.remedy)")
    }

    /// - Returns: an `errno`, or 0.
    private static func lackOfRoom(in folder: String) -> Int32 {
        let file = "\(folder)/room"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return errno }
        defer {
            close(descriptor)
            unlink(file)
        }
        let code = posix_fallocate(descriptor, 0, roomMin)
        // Some file systems can't reserve space.
        return code == EOPNOTSUPP || code == EINVAL ? 0 : code
    }

    deinit { folder.removeAll() }

    /// Removes the folders that killed servers and commands left behind: copies of plugins that were being loaded, and
    /// files that were being built.
    /// - Returns: the number of removed folders.
    package static func removeLeftBehind(in places: [String] = TemporaryPlaces.all + otherPlaces) -> Int {
        let folders = places.flatMap(TemporaryFolder.leftBehind)
        for folder in folders { folder.removeAll() }
        return folders.count
    }
}

extension TemporaryFolder {
    /// Removes the mark last: without it, an incompletely removed folder would not be recognized.
    fileprivate func removeAll() {
        for name in (try? names(in: path)) ?? [] where name != Self.mark { removeTree("\(path)/\(name)") }
        removeTree(path)
    }
}
