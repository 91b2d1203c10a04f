import EventStream
import Files
import Glibc
import ProducerInterface
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

    /// `WriteAccessTests` has the rule; here is that it holds.
    @Test("a file that others could change is refused, with the reason, unless that is allowed")
    func writable() throws {
        let path = directory.write([1], to: "plugin.so", mode: 0o646)
        let found = try #require(refusal(of: path))
        #expect(
            found.description
                == "\(path): it is writable by everyone; run chmod o-w \(path), or pass --insecure-plugins")
        #expect(found.cause == .moment, "it is not the content that is refused")
        #expect(refusal(of: path, insecure: true) == nil)
        chmod(path, 0o644)
        chmod(directory.path, 0o777)
        #expect(
            try #require(refusal(of: path)).rule == "\(directory.path), on the way to it, is writable by everyone")
    }

    @Test("what is no file, or nothing at all, is refused without waiting for it")
    func others() throws {
        let missing = "\(directory.path)/missing.so"
        #expect(
            try #require(refusal(of: missing)).description
                == "\(missing): it can't be opened (No such file or directory); check the path, and the targets of its links"
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
