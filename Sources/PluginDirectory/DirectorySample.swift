import Files
import Glibc

/// A snapshot of a directory of plugins, sufficient to notice every change of a file.
///
/// Files are compared by content. A file is read again in three cases: if its status differs; if it changed so recently
/// that another change could have left the same status; and if the kernel reports an event for it, because some file
/// systems have no change times of their own.
struct DirectorySample: Equatable, Sendable {
    /// `nil` if the directory does not exist.
    private let files: [File]?
    /// Files elsewhere, in the given order; `nil` for one that does not exist.
    private let others: [File?]

    private struct Status: Equatable {
        let device: dev_t
        let inode: ino_t
        let size: Int
        let modified: [Int]
        /// ctime: programs can't set it, unlike mtime, which cp -p sets.
        let changed: [Int]
        let mode: mode_t
        let owner: uid_t

        /// Follows links. `nil` if the file does not exist.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, inode, size) = (status.st_dev, status.st_ino, Int(status.st_size))
            modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            changed = [status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
            (mode, owner) = (status.st_mode, status.st_uid)
        }

        var isRegular: Bool { mode & S_IFMT == S_IFREG }
    }

    private struct File: Equatable {
        let name: String
        let status: Status
        /// `nil` if the file can't be read.
        let content: ContentID?
        /// Whether every later change will show in the status.
        let isSettled: Bool

        init?(_ path: String, name: String, before: File?, isTold: Bool) {
            // The status comes first, so that a change in between is noticed next time.
            guard let status = Status(path) else { return nil }
            self.name = name
            self.status = status
            if let before, before.status == status, before.isSettled, !isTold {
                (content, isSettled) = (before.content, true)
            } else {
                content = status.isRegular ? (try? contents(of: path))?.withUnsafeBytes { ContentID(of: $0) } : nil
                isSettled = status.changed[0] + Self.clockSeconds < time(nil)
            }
        }

        /// More than the resolution of any file system's clock.
        private static let clockSeconds = 2

        static func == (one: File, other: File) -> Bool {
            one.name == other.name && one.status == other.status && one.content == other.content
        }
    }

    /// - Parameters:
    ///   - others: relevant files elsewhere.
    ///   - before: the previous sample of the same directory and files.
    ///   - news: what the kernel has reported since then.
    init(
        _ directory: String, others: [String] = [], before: DirectorySample? = nil, news: FollowedPaths.News = .anything
    ) {
        self.others = others.enumerated().map { index, path in
            File(path, name: path, before: before.flatMap { $0.others[index] }, isTold: news == .anything)
        }
        guard let found = try? names(in: directory) else {
            files = nil
            return
        }
        let known = Dictionary((before?.files ?? []).map { ($0.name, $0) }) { $1 }
        files = found.filter(Self.isPlugin).compactMap { name in
            let isTold =
                switch news {
                case .nothing: false
                case .plugins(let names): names.contains(name)
                case .anything: true
                }
            return File("\(directory)/\(name)", name: name, before: known[name], isTold: isTold)
        }
    }

    static func isPlugin(_ name: String) -> Bool { name.hasSuffix(".so") && !name.hasPrefix(".") }
}
