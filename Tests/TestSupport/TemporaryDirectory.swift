import Glibc
import SystemCalls

/// A private directory that is removed with its last reference.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/sluice-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            fatalError("mkdtemp in \(parent): \(systemError())")
        }
        path = String(cString: made)
    }

    deinit { remove() }

    /// Removes the directory with everything in it; called automatically at the end.
    package func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for entry in entries(of: path) { remove("\(path)/\(entry)") }
        }
        Glibc.remove(path)
    }

    static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Writes a file into the directory.
    /// - Returns: its path.
    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String, mode: UInt32 = 0o644) -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { fatalError("\(file): \(systemError())") }
        defer { close(descriptor) }
        fchmod(descriptor, mode)
        let all = Array(bytes)
        var written = 0
        while written < all.count {
            let count = all.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, all.count - written) }
            guard count > 0 else { fatalError("\(file): \(systemError())") }
            written += count
        }
        return file
    }

    /// Writes a program that is to be run.
    ///
    /// Another program writes the file. A file that is open for writing can't be executed (ETXTBSY, execve(2)), and a
    /// child process that another test starts inherits this process's open files until it executes its own program.
    /// - Returns: its path.
    @discardableResult
    package func write(program bytes: some Sequence<UInt8>, to name: String) throws -> String {
        let source = write(bytes, to: ".\(name).source")
        defer { unlink(source) }
        let copying = try ChildProgram.run(["install", "-m", "755", source, "\(path)/\(name)"])
        guard copying.status == 0 else { throw TestFailure("\(path)/\(name): \(copying.output)") }
        return "\(path)/\(name)"
    }
}
