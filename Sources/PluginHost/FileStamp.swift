import Glibc

/// The properties of a file that change when it is replaced or written to.
struct FileStamp: Hashable, Sendable, CustomStringConvertible {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    init(_ status: stat) {
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// - Returns: `nil` if there is no such file.
    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    var description: String { "\(device):\(inode):\(size):\(seconds).\(nanoseconds)" }
}
