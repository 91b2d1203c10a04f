import Glibc
import TestSupport
import Testing

@testable import PluginHost

@Suite("A plugin's file")
struct PluginFileTests {
    private let directory = TemporaryDirectory()

    private func refusal(of path: String, insecure: Bool = false) -> PluginRefusal? {
        do throws(PluginRefusal) {
            _ = try PluginFile(reading: path, insecure: insecure)
            return nil
        } catch {
            return error
        }
    }

    @Test("is read whole, and known by its content")
    func whole() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let file = try PluginFile(reading: directory.write(bytes, to: "a.so"), insecure: false)
        #expect(file.bytes == bytes)
        let same = try PluginFile(reading: directory.write(bytes, to: "b.so"), insecure: false)
        #expect(same.contentID == file.contentID)
        let other = try PluginFile(reading: directory.write(bytes.dropLast(), to: "c.so"), insecure: false)
        #expect(other.contentID != file.contentID)
    }

    @Test(
        "whoever else may write to it is named",
        arguments: [(0o664, "it is writable by its group"), (0o646, "it is writable by everyone")] as [(UInt32, String)]
    )
    func writableFile(mode: UInt32, rule: String) throws {
        let path = directory.write([1], to: "plugin.so", mode: mode)
        let found = try #require(refusal(of: path))
        #expect(found.description == "\(path): \(rule); chmod go-w it, or allow it with --insecure-plugins")
        #expect(refusal(of: path, insecure: true) == nil)
    }

    @Test("a directory that others may write to is as bad")
    func writableDirectory() throws {
        let path = directory.write([1], to: "plugin.so")
        chmod(directory.path, 0o777)
        #expect(try #require(refusal(of: path)).rule == "its directory \(directory.path) is writable by everyone")
        #expect(refusal(of: path, insecure: true) == nil)
        chmod(directory.path, 0o700)
        #expect(refusal(of: path) == nil)
    }

    @Test("a symbolic link is as good as both directories")
    func link() throws {
        let elsewhere = TemporaryDirectory()
        let target = elsewhere.write([1], to: "target.so")
        let path = "\(directory.path)/link.so"
        try #require(symlink(target, path) == 0)
        #expect(refusal(of: path) == nil)
        chmod(elsewhere.path, 0o770)
        #expect(try #require(refusal(of: path)).rule == "its directory \(elsewhere.path) is writable by its group")
    }

    @Test("a file of another user is refused, whatever its mode", .enabled(if: geteuid() == 0))
    func foreignOwner() throws {
        let path = directory.write([1], to: "plugin.so")
        try #require(chown(path, 12345, 0) == 0)
        #expect(try #require(refusal(of: path)).rule.hasPrefix("it belongs to user 12345, who is neither root nor"))
        try #require(chown(path, 0, 0) == 0)
        try #require(chown(directory.path, 12345, 0) == 0)
        #expect(try #require(refusal(of: path)).rule.contains("directory \(directory.path) belongs to user 12345"))
    }

    @Test("what is no file, or nothing at all, is refused without waiting for it")
    func others() throws {
        let missing = "\(directory.path)/missing.so"
        #expect(
            try #require(refusal(of: missing)).description
                == "\(missing): it can't be opened (No such file or directory); put it there, or mend the link that leads to it"
        )
        let empty = directory.write([], to: "empty.so")
        #expect(try #require(refusal(of: empty)).rule == "it is empty")
        #expect(try #require(refusal(of: directory.path)).rule == "it is not a regular file")
        let pipe = "\(directory.path)/pipe.so"
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(try #require(refusal(of: pipe)).rule == "it is not a regular file")
        #expect(try #require(refusal(of: "/dev/null")).rule == "it is not a regular file")
    }

    @Test("a file that is larger than any plugin is refused before it is read")
    func large() throws {
        let path = directory.write([], to: "large.so")
        try #require(truncate(path, PluginFile.bytesMax + 1) == 0)
        #expect(try #require(refusal(of: path)).rule == "it has more than 512 MiB")
    }

    @Test("the content id is FNV-1a of 128 bits")
    func contentID() {
        // From the reference (draft-eastlake-fnv, appendix): the offset basis, and "a".
        let texts = ["", "a", "foobar"].map { text in
            Array(text.utf8).withUnsafeBytes { ContentID(of: $0).description }
        }
        #expect(
            texts == [
                "6c62272e07bb014262b821756295c58d", "d228cb696f1a8caf78912b704e4a8964",
                "343e1662793c64bf6f0d3597ba446f18",
            ])
    }
}
