import CLinux
import EventStream
package import Files
import Glibc
import ProducerInterface
import SystemCalls

/// A plugin's file as it was read: all of its bytes at one moment, from a place that only the operator can write to.
package struct PluginFile: Sendable {
    /// As the operator wrote it.
    package let path: String
    let bytes: [UInt8]
    /// Which file it was, and when it was last written to.
    let stamp: FileStamp
    package let contentID: ContentID

    /// No plugin is larger than this (one in Swift that includes the whole standard library has 9 MB).
    static let bytesMax = 512 << 20

    /// - Parameter insecure: also accepts files that others can write to.
    init(reading path: String, insecure: Bool) throws(PluginRefusal) {
        do throws(Defect) {
            self.path = path
            (bytes, stamp) = try Self.read(
                StartFolder.ofThisProcess.absolute(path), writtenAs: path, insecure: insecure)
            contentID = bytes.withUnsafeBytes { ContentID(of: $0) }
        } catch {
            throw error.refusal(of: path, at: .file)
        }
    }

    /// Checks what can be checked without loading it.
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

    private static func read(_ path: String, writtenAs name: String, insecure: Bool) throws(Defect) -> (
        [UInt8], FileStamp
    ) {
        // Anyone who can write to a plugin's file can run code in the server. A file that only trusted users can change
        // stays as it is checked here.
        if !insecure, let objection = WriteAccess.ofThisProcess.objection(to: path, writtenAs: name) {
            throw Defect(objection.rule, remedy: objection.remedy, cause: .moment)
        }
        // Non-blocking, because a named pipe with that name would otherwise block the server.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw openingFailed(errno)
        }
        defer { close(descriptor) }

        let before = try FileStatus(of: descriptor)
        guard before.isRegular else {
            throw Defect("it is not a regular file", remedy: "name a shared object (*.so)")
        }
        guard before.size > 0 else {
            throw Defect("it is empty", remedy: "copy it again under a temporary name, then rename it")
        }
        guard before.size <= bytesMax else {
            throw Defect("it has more than \(bytesMax >> 20) MiB", remedy: "strip it (strip --strip-unneeded)")
        }
        // One byte more than expected, so that a file that grew is noticed.
        let (bytes, failure) = readBytes(from: descriptor, atMost: Int(before.size) + 1)
        guard failure == 0 else {
            throw Defect("it can't be read (\(systemError(failure)))", remedy: "check its file system")
        }
        // A program that is still copying writes in place: the bytes may be half of one version and half of the next.
        guard bytes.count == before.size, try FileStatus(of: descriptor).isUnchanged(since: before) else {
            throw Defect(
                "it changed while it was read", remedy: "copy it under a temporary name, then rename it and reload"
            )
        }
        return (bytes, before.stamp)
    }

    private static func openingFailed(_ code: Int32) -> Defect {
        let remedy =
            switch code {
            case EACCES, EPERM: "let the server's user (\(geteuid())) read it"
            case ENOENT, ENOTDIR, ELOOP: "check the path, and the targets of its links"
            default: "resolve that, then reload"
            }
        return Defect("it can't be opened (\(systemError(code)))", remedy: remedy)
    }
}

/// The parts of `stat` that matter here.
private struct FileStatus {
    private let raw: stat

    init(of descriptor: Int32) throws(Defect) {
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else {
            throw Defect("it can't be examined (\(systemError()))", remedy: "check its file system")
        }
        self.raw = raw
    }

    var size: Int64 { Int64(raw.st_size) }
    var stamp: FileStamp { FileStamp(raw) }
    var isRegular: Bool { raw.st_mode & S_IFMT == S_IFREG }

    func isUnchanged(since other: FileStatus) -> Bool {
        stamp == other.stamp
    }
}
