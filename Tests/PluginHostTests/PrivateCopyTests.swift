import Files
import Glibc
import TestSupport
import Testing

@testable import PluginHost

@Suite("The private copy of a plugin")
struct PrivateCopyTests {
    private let directory = TemporaryDirectory()

    private func file(_ fixture: String = "Plain") throws -> PluginFile {
        try PluginFile(reading: fixturePlugin(fixture), insecure: false)
    }

    private func copy(in places: [String]) throws -> PrivateCopy { try PrivateCopy(of: file(), places: places) }

    @Test("is a file that only its user can access, and is removed with it")
    func inDirectory() throws {
        var copy: PrivateCopy? = try copy(in: [directory.path])
        let path = try #require(copy).path
        #expect(path.hasPrefix("\(directory.path)/sluice-") && copy?.mappedPath == path)
        #expect(readFile(path) == (try file().bytes))
        #expect(PrivateCopy.path(inMap: path + " (deleted)") == path)
        copy = nil
        #expect(try names() == [])
    }

    private func names() throws -> [String] {
        try ChildProgram.run(["ls", "-A", directory.path]).output.split(separator: "\n").map(String.init)
    }

    @Test("an unusable place is skipped; without any, it is a file in memory that nobody can change")
    func inMemory() throws {
        let notADirectory = directory.write([1], to: "file")
        let next = try copy(in: ["\(directory.path)/none", directory.path])
        #expect(next.path.hasPrefix("\(directory.path)/sluice-"))
        for places in [[], ["\(directory.path)/none"], [notADirectory], ["/proc"]] {
            let copy = try copy(in: places)
            #expect(readFile(copy.path) == (try file().bytes), "\(places)")
            #expect(copy.mappedPath.hasPrefix("/memfd:sluice-") && copy.mappedPath.hasSuffix("-Plain.so"))
            for mode in [O_WRONLY, O_RDWR] {
                let descriptor = open(copy.path, mode | O_CLOEXEC)
                defer { close(descriptor) }
                var byte: UInt8 = 0
                #expect(write(descriptor, &byte, 1) < 0 && ftruncate(descriptor, 0) < 0)
            }
        }
    }

    @Test("is not created in a place that others can write to")
    func unsafePlace() throws {
        chmod(directory.path, 0o777)
        #expect(try copy(in: [directory.path]).mappedPath.hasPrefix("/memfd:"))
        #expect(try names() == [])
    }

    @Test("loads from memory like any other, repeatedly, each time as a separate image with its name")
    func loads() throws {
        // The places are fixed for the process, so its parts are combined by hand.
        var codes: Set<UInt> = []
        for _ in 0..<3 {
            let copy = try copy(in: [])
            let probed = ProbedPlugin(
                path: try fixturePlugin("Plain"), contentID: try file().contentID, copy: copy,
                declaration: try Prober(Self.proberSettings).probe(copy.path, content: file().contentID))
            let plugin = try PluginLoader(logger: RecordedLog.logger("copies")).load(probed)
            codes.insert(unsafeBitCast(plugin.producers[0].functions.close, to: UInt.self))
            #expect(MappedImages().bytes(of: plugin.mappedPath) > 0, "\(plugin.mappedPath)")
        }
        #expect(codes.count == 3)
    }

    private static var proberSettings: Prober.Settings {
        var settings = Prober.Settings()
        settings.deadlineNanoseconds = 60_000_000_000
        settings.executable = BuiltProducts.sluice
        return settings
    }

    @Test("a descriptor is only kept for mapped files")
    func descriptors() throws {
        let mapped = try copy(in: [])
        mapped.willBeMapped()
        var refused: PrivateCopy? = try copy(in: [])
        let path = try #require(refused).path
        #expect(access(path, F_OK) == 0)
        refused = nil
        #expect(readLink(path)?.hasPrefix("/memfd:sluice-") != true || readLink(path)?.contains("Plain.so") == false)
        #expect(access(mapped.path, F_OK) == 0)
    }
}
