import CLinux
import Glibc

/// What a directory of plugins looks like from outside: enough to notice every change of a file without reading it.
struct DirectorySample: Equatable, Sendable {
    /// `nil` for a directory that is not there.
    private let files: [File]?

    private struct File: Equatable {
        let name: String
        let device: dev_t
        let inode: ino_t
        let size: Int
        let modified: [Int]
        let mode: mode_t
        let owner: uid_t

        /// Links are followed. `nil` for what is not there.
        init?(_ path: String, name: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.name = name
            (device, inode, size) = (status.st_dev, status.st_ino, Int(status.st_size))
            modified = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
            (mode, owner) = (status.st_mode, status.st_uid)
        }
    }

    /// - Parameter others: files elsewhere that matter as well.
    init(_ directory: String, others: [String] = []) {
        let outside = others.compactMap { File($0, name: $0) }
        guard let listing = opendir(directory) else {
            files = nil
            return
        }
        defer { closedir(listing) }
        var files: [File] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasSuffix(".so"), !name.hasPrefix("."), let file = File("\(directory)/\(name)", name: name)
            else {
                continue
            }
            files.append(file)
        }
        self.files = outside + files.sorted { $0.name < $1.name }
    }
}
