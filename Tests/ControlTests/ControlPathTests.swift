import CommandOutput
import Glibc
import TestSupport
import Testing

@testable import Control

@Suite("The path of a control socket")
struct ControlPathTests {
    private let directory = TemporaryDirectory()

    @Test("the standard path is the same for all spellings of a directory, and differs between directories")
    func standardPath() throws {
        let here = ControlPath.absolute(".")
        let written = ["plugins", "./plugins", "plugins/", "x/../plugins", "\(here)//plugins/."]
        #expect(Set(written.map { ControlPath.standard(for: $0, in: "/run/x") }).count == 1)
        #expect(ControlPath.standard(for: "a/plugins", in: "/r") != ControlPath.standard(for: "b/plugins", in: "/r"))
        let path = ControlPath.standard(for: "/srv/my plugins (new)", in: "/run/x")
        #expect(path.hasPrefix("/run/x/mypluginsnew-") && path.hasSuffix(".sock"))
        #expect(ControlPath.standard(for: "/", in: "/r").hasPrefix("/r/root-"))
        #expect(ControlPath.absolute("/a/../../b/./c//") == "/b/c")
        #expect(
            ControlPath.directory(unitDirectory: nil, userDirectory: directory.path) == "\(directory.path)/sluice")
        for none in [nil, "", "relative", "/no/such/directory"] {
            #expect(ControlPath.directory(unitDirectory: none, userDirectory: none) == "/tmp/sluice-\(geteuid())")
        }
    }

    @Test("a standard directory that others can enter is refused")
    func foreignDirectory() throws {
        let place = "\(directory.path)/sluice"
        try ControlPath.prepare(place)
        try ControlPath.prepare(place)
        chmod(place, 0o755)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(place) }
        rmdir(place)
        symlink(directory.path, place)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(place) }
    }

    @Test("in a unit, it is in the unit's own directory, which others may enter but not change")
    func unit() throws {
        let path = directory.path
        #expect(ControlPath.directory(unitDirectory: path, userDirectory: "/tmp") == path)
        #expect(ControlPath.directory(unitDirectory: "\(path):/run/other", userDirectory: nil) == path)
        chmod(path, 0o755)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(path, unitDirectory: nil) }
        #expect(throws: Never.self) { try ControlPath.prepare(path, unitDirectory: path + ":/run/other") }
        chmod(path, 0o775)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(path, unitDirectory: path) }
    }

    @Test("a client looks in all places, once in each")
    func all() {
        directory.write([], to: "a-1.sock")
        directory.write([], to: "a.txt")
        #expect(
            ControlPath.all(in: [directory.path, "/no/such/directory", directory.path]) == [
                "\(directory.path)/a-1.sock"
            ])
    }
}
