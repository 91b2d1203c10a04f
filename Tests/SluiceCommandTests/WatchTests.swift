import Glibc
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("Waiting for a directory to come to rest")
struct DebounceTests {
    @Test("a change is told once, when it has looked the same for long enough")
    func rest() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        #expect(!look(0, at: 0) && debounce.nextLook == nil)
        #expect(!look(1, at: 1000) && debounce.nextLook == 1200)
        #expect(!look(1, at: 1100))
        #expect(look(1, at: 1200) && debounce.nextLook == nil)
        #expect(!look(1, at: 5000))
    }

    @Test("what goes on changing is waited for")
    func slowly() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        for step in 1...100 { #expect(!look(step, at: Int64(step) * 150)) }
        #expect(debounce.nextLook == 15_200)
        #expect(!look(100, at: 15_199))
        #expect(look(100, at: 15_200))
    }

    @Test("what changes back has not changed")
    func back() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        #expect(!look(1, at: 0))
        #expect(!look(0, at: 100) && debounce.nextLook == nil)
        #expect(!look(1, at: 150))
        #expect(!look(1, at: 340), "the time before it changed back does not count")
        #expect(look(1, at: 350))
        // And back again is a change.
        #expect(!look(0, at: 400))
        #expect(look(0, at: 600))
    }
}

@Suite("What a directory looks like")
struct DirectorySampleTests {
    private let directory = TemporaryDirectory()
    private var sample: DirectorySample { DirectorySample(directory.path) }

    @Test("each change of a plugin's file shows, and of nothing else")
    func changes() throws {
        directory.write([1, 2], to: "a.so")
        var last = sample
        #expect(sample == last)
        let path = "\(directory.path)/a.so"
        let steps: [(String, () -> Void)] = [
            ("longer", { directory.write([1, 2, 3], to: "a.so") }),
            ("permissions", { chmod(path, 0o600) }),
            ("renamed", { rename(path, "\(directory.path)/b.so") }),
            ("back", { rename("\(directory.path)/b.so", path) }),
            ("another", { directory.write([1], to: "c.so") }),
            ("removed", { unlink("\(directory.path)/c.so") }),
            (
                "replaced",
                {
                    directory.write([3, 2, 1], to: "new"); rename("\(directory.path)/new", path)
                }
            ),
            ("link", { symlink("a.so", "\(directory.path)/l.so") }),
            ("gone", { rename(directory.path, directory.path + "-away") }),
            ("there again", { rename(directory.path + "-away", directory.path) }),
        ]
        for (name, step) in steps {
            step()
            let now = sample
            #expect(now != last, "\(name)")
            last = now
        }
        directory.write([1], to: ".hidden.so")
        directory.write([1], to: "readme.txt")
        #expect(sample == last)
    }

    @Test("files elsewhere count, too")
    func others() {
        let other = "\(directory.path)/sluice.yaml"
        let before = DirectorySample(directory.path, others: [other])
        directory.write("a: 1".utf8, to: "sluice.yaml")
        #expect(DirectorySample(directory.path, others: [other]) != before)
    }
}
