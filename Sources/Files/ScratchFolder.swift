package import CommandOutput
import Glibc
import SystemCalls

/// A folder of one's own, for what lives only as long as its owner.
package struct ScratchFolder: ~Copyable {
    private let folder: TemporaryFolder

    package var path: String { folder.path }

    /// What compilers need at least. Bytes.
    private static let roomMin: off_t = 4 << 20
    /// Where there is room when /tmp has none, or is read-only.
    package static let otherPlaces = ["/var/tmp", "/dev/shm"]

    /// Nobody else can look into it, or put something there.
    /// - Parameter places: the first one that has room is taken.
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
        // Some file systems can't reserve anything.
        return code == EOPNOTSUPP || code == EINVAL ? 0 : code
    }

    deinit { folder.removeAll() }

    /// Removes what servers and commands left behind that were killed: copies of plugins that were being loaded, and
    /// what was being built.
    /// - Returns: how many folders that were.
    package static func removeLeftBehind(in places: [String] = TemporaryPlaces.all + otherPlaces) -> Int {
        let folders = places.flatMap(TemporaryFolder.leftBehind)
        for folder in folders { folder.removeAll() }
        return folders.count
    }
}

extension TemporaryFolder {
    /// The mark last: without it, nobody would know what the rest is.
    fileprivate func removeAll() {
        for name in (try? names(in: path)) ?? [] where name != Self.mark { removeTree("\(path)/\(name)") }
        removeTree(path)
    }
}
