import CLinux
package import CommandOutput
import Glibc
import SystemCalls

/// Removes a file, or a folder with everything in it. Symbolic links are removed, not followed.
package func removeTree(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
        for name in (try? names(in: path)) ?? [] { removeTree("\(path)/\(name)") }
    }
    remove(path)
}

/// The names in a folder, sorted, without "." and "..".
/// - Throws: why the folder can't be read.
package func names(in folder: String) throws(CommandFailure) -> [String] {
    guard let listing = opendir(folder) else { throw CommandFailure("\(folder) can't be read: \(systemError())") }
    defer { closedir(listing) }
    var names: [String] = []
    while let entry = readdir(listing) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Creates folders like `mkdir -p`.
package func makeFolders(_ path: String) throws(CommandFailure) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
        made += "/\(part)"
        guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
            throw CommandFailure("\(made) can't be created: \(systemError())")
        }
    }
}

/// Whether a path leads to a folder; stat(2).
package func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
