import CommandOutput
import Glibc
import TestSupport
import Testing

@testable import Files

@Suite("Temporary folders")
struct ScratchFolderTests {
    private let directory = TemporaryDirectory()

    @Test("the first place that has room and is nobody else's is taken; without one, each is named with its reason")
    func places() throws {
        let file = directory.write([1], to: "file")
        mkdir("\(directory.path)/open", 0o755)
        chmod("\(directory.path)/open", 0o777)
        let bad = ["\(directory.path)/none", file, "\(directory.path)/open", "/proc"]
        let path = try ScratchFolder(in: bad + [directory.path]).path
        #expect(path.hasPrefix("\(directory.path)/sluice-"))
        #expect(access(path, F_OK) != 0, "it is gone with its owner")
        let error = try #require(throws: CommandFailure.self) { _ = try ScratchFolder(in: bad).path }
        #expect(
            error.description.hasPrefix("cannot create a temporary directory (\(bad[0]): No such file or directory; "))
        #expect(error.description.contains("\(bad[2]): \(bad[2]), on the way to it, is writable by everyone; "))
        #expect(
            error.description.hasSuffix("); set TMPDIR to a directory that belongs to this user and has free space"))
        #expect(!error.description.contains("\n"))
    }
}
