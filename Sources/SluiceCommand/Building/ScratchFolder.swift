import Glibc
import PluginHost

/// A folder of one's own, for what lives only as long as its owner.
struct ScratchFolder: ~Copyable {
    private let folder: TemporaryFolder

    var path: String { folder.path }

    /// What compilers need at least. Bytes.
    private static let roomMin: off_t = 4 << 20
    /// Where there is room when /tmp has none, or is read-only.
    static let otherPlaces = ["/var/tmp", "/dev/shm"]

    /// Nobody else can look into it, or put something there.
    /// - Parameter places: the first one that has room is taken.
    init(in places: [String] = TemporaryPlaces.all + otherPlaces) throws(CommandFailure) {
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
        throw CommandFailure("no temporary folder can be made (\(reasons)); \(TemporaryPlaces.remedy)")
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

    /// Removes what servers and commands left behind that were killed: copies of plugins that were being loaded, and what was being built.
    /// - Returns: how many folders that were.
    static func removeLeftBehind(in places: [String] = TemporaryPlaces.all + otherPlaces) -> Int {
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

/// Removes a file, or a folder and all in it; a symbolic link, not what it leads to.
func removeTree(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
        for name in (try? names(in: path)) ?? [] { removeTree("\(path)/\(name)") }
    }
    remove(path)
}

/// The names in a folder, sorted, without "." and "..".
/// - Throws: why it cannot be read.
func names(in folder: String) throws(CommandFailure) -> [String] {
    guard let listing = opendir(folder) else { throw CommandFailure("\(folder) can't be read: \(systemError())") }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// All bytes of a file.
/// - Throws: why it cannot be read.
func contents(of path: String) throws(CommandFailure) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CommandFailure("\(path) can't be read: \(systemError())") }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw CommandFailure("\(path) can't be read: \(systemError())") }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}

/// Writes a new file.
/// - Throws: why that is impossible; one reason is that there is such a file already.
func writeNewFile(_ text: String, to path: String) throws(CommandFailure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CommandFailure("\(path) can't be written: \(systemError())") }
    writeFully(Array(text.utf8), to: descriptor)
    var status = stat()
    let isComplete = fstat(descriptor, &status) == 0 && Int(status.st_size) == text.utf8.count
    guard close(descriptor) == 0, isComplete else { throw CommandFailure("\(path) can't be written: \(systemError())") }
}

/// The text of an `errno`.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
