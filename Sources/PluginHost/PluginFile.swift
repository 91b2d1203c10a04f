import Glibc

/// A plugin's file as it was read: all of its bytes at one moment, from a place that only the operator can write to.
package struct PluginFile: Sendable {
    /// As the operator wrote it.
    package let path: String
    let bytes: [UInt8]
    package let contentID: ContentID

    /// More than this no plugin has (a Swift one with the whole standard library inside is 9 MB).
    static let bytesMax = 512 << 20

    /// - Parameter insecure: also takes files that others may write to.
    init(reading path: String, insecure: Bool) throws(PluginRefusal) {
        do throws(Defect) {
            self.path = path
            bytes = try Self.read(path, insecure: insecure)
            contentID = bytes.withUnsafeBytes { ContentID(of: $0) }
        } catch {
            throw error.refusal(of: path)
        }
    }

    /// What can be seen without loading it.
    func checkImage() throws(Defect) {
        // Typed throws do not pass through the closure that lends the bytes.
        let defect = bytes.withUnsafeBytes { bytes -> Defect? in
            do throws(Defect) {
                try ELFImage.check(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let defect { throw defect }
    }

    private static func read(_ path: String, insecure: Bool) throws(Defect) -> [UInt8] {
        // Not blocking, or a named pipe of that name would stop the server.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw openingFailed(errno)
        }
        defer { close(descriptor) }

        let before = try FileStatus(of: descriptor)
        guard before.isRegular else {
            throw Defect("it is not a regular file", remedy: "put a shared object there, or another name")
        }
        if !insecure { try checkWriters(of: before, at: path) }
        guard before.size > 0 else {
            throw Defect("it is empty", remedy: "copy it again, to another name first, and then rename it")
        }
        guard before.size <= bytesMax else {
            throw Defect("it has more than \(bytesMax >> 20) MiB", remedy: "strip it (strip --strip-unneeded)")
        }
        let bytes = try readAll(descriptor, expecting: Int(before.size))
        // Something that is still copying writes in place: what was read may be half of one version and half of the next.
        guard bytes.count == before.size, try FileStatus(of: descriptor).isUnchanged(since: before) else {
            throw Defect(
                "it changed while it was read", remedy: "copy it to another name first, and then rename it; then reload"
            )
        }
        return bytes
    }

    private static func openingFailed(_ code: Int32) -> Defect {
        let remedy =
            switch code {
            case EACCES, EPERM: "let the server's user (\(geteuid())) read it"
            case ENOENT, ENOTDIR, ELOOP: "put it there, or mend the link that leads to it"
            default: "reload when that is over"
            }
        return Defect("it can't be opened (\(systemError(code)))", remedy: remedy)
    }

    /// Who can write to a plugin's file runs code in the server.
    private static func checkWriters(of file: FileStatus, at path: String) throws(Defect) {
        let insecure = "or allow it with --insecure-plugins"
        guard file.isOwnedByUs else {
            throw Defect(
                "it belongs to user \(file.owner), who is neither root nor the server's user (\(geteuid()))",
                remedy: "chown it, \(insecure)")
        }
        if let writers = file.foreignWriters {
            throw Defect("it is writable by \(writers)", remedy: "chmod go-w it, \(insecure)")
        }
        // The name's own directory, and that of the file behind a symbolic link: each could be made to lead elsewhere.
        for directory in Set([directoryName(path), realPath(path).map(directoryName) ?? directoryName(path)]).sorted() {
            if let defect = defect(ofDirectory: directory, called: "its directory \(directory)") { throw defect }
        }
    }

    /// What is wrong with a directory of plugins; `nil` if only root and the server's user can write to it.
    /// - Parameter name: what the rule calls it.
    static func defect(ofDirectory directory: String, called name: String) -> Defect? {
        let insecure = "or allow it with --insecure-plugins"
        guard let status = FileStatus(at: directory) else {
            return Defect("\(name) can't be looked at (\(systemError()))", remedy: "let the server's user read it")
        }
        guard status.isOwnedByUs else {
            return Defect(
                "\(name) belongs to user \(status.owner), who is neither root nor the server's user (\(geteuid()))",
                remedy: "chown the directory, \(insecure)")
        }
        guard let writers = status.foreignWriters else { return nil }
        return Defect("\(name) is writable by \(writers)", remedy: "chmod go-w the directory, \(insecure)")
    }

    private static func readAll(_ descriptor: Int32, expecting size: Int) throws(Defect) -> [UInt8] {
        var failure: Int32 = 0
        // One byte more than expected, so that a file that grew is noticed.
        let bytes = [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, count in
            while count < buffer.count {
                let read = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
                if read > 0 { count += read }
                if read < 0 && errno == EINTR { continue }
                if read < 0 { failure = errno }
                if read <= 0 { return }
            }
        }
        guard failure == 0 else {
            throw Defect("it can't be read (\(systemError(failure)))", remedy: "look at its file system")
        }
        return bytes
    }
}

/// What `stat` says, as far as it matters here.
private struct FileStatus {
    private let raw: stat

    init(of descriptor: Int32) throws(Defect) {
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else {
            throw Defect("it can't be looked at (\(systemError()))", remedy: "look at its file system")
        }
        self.raw = raw
    }

    init?(at path: String) {
        var raw = stat()
        guard stat(path, &raw) == 0 else { return nil }
        self.raw = raw
    }

    var size: Int64 { Int64(raw.st_size) }
    var owner: UInt32 { raw.st_uid }
    var isRegular: Bool { raw.st_mode & S_IFMT == S_IFREG }
    var isOwnedByUs: Bool { raw.st_uid == 0 || raw.st_uid == geteuid() }

    var foreignWriters: String? {
        if raw.st_mode & S_IWOTH != 0 { return "everyone" }
        if raw.st_mode & S_IWGRP != 0 { return "its group" }
        return nil
    }

    func isUnchanged(since other: FileStatus) -> Bool {
        raw.st_size == other.raw.st_size && raw.st_mtim.tv_sec == other.raw.st_mtim.tv_sec
            && raw.st_mtim.tv_nsec == other.raw.st_mtim.tv_nsec
    }
}

/// The text of an `errno`.
func systemError(_ code: Int32 = errno) -> String {
    String(cString: strerror(code))
}

func directoryName(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

private func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}
