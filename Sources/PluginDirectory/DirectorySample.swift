import Files
import Glibc

/// What a directory of plugins looks like from outside: enough to notice every change of a file.
///
/// A file is known by its content. It is read again if its status says that it may have changed; if it changed so
/// lately that another change might have left the same status; and if the kernel says that something happened to it, as
/// there are file systems without times of their own for changes.
struct DirectorySample: Equatable, Sendable {
    /// `nil` for a directory that is not there.
    private let files: [File]?
    /// Files elsewhere, in the order given; `nil` for one that is not there.
    private let others: [File?]

    private struct Status: Equatable {
        let device: dev_t
        let inode: ino_t
        let size: Int
        let modified: [Int]
        /// No program can choose it, as cp -p chooses the time above.
        let changed: [Int]
        let mode: mode_t
        let owner: uid_t

        /// Links are followed. `nil` for what is not there.
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
        /// `nil` for what cannot be read.
        let content: ContentID?
        /// A change from now on shows in the status.
        let isSettled: Bool

        init?(_ path: String, name: String, before: File?, isTold: Bool) {
            // First the status, then the content: a change in between shows the next time.
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

        /// More than the step of any file system's clock.
        private static let clockSeconds = 2

        static func == (one: File, other: File) -> Bool {
            one.name == other.name && one.status == other.status && one.content == other.content
        }
    }

    /// - Parameters:
    ///   - others: files elsewhere that matter as well.
    ///   - before: the last sample, of the same.
    ///   - news: what the kernel has said since.
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
