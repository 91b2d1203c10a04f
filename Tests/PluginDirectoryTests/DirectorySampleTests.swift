import Glibc
import TestSupport
import Testing

@testable import PluginDirectory

@Suite("Snapshots of a directory")
struct DirectorySampleTests {
    private let directory = TemporaryDirectory()
    private var sample: DirectorySample { DirectorySample(directory.path) }

    @Test("every change of a plugin's file is noticed, and of no other file")
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

    @Test("a file that is created, removed and created again has changed three times")
    func comesAndGoes() {
        let other = "\(directory.path)/sluice.yaml"
        var last = DirectorySample(directory.path, others: [other])
        for isThere in [true, false, true] {
            if isThere { directory.write("a: 1".utf8, to: "sluice.yaml") } else { unlink(other) }
            let now = DirectorySample(directory.path, others: [other], before: last, news: .nothing)
            #expect(now != last)
            last = now
        }
    }

    @Test("a file that is overwritten with equal size and time, as by cp -p, has changed")
    func samePeriod() throws {
        let path = directory.write([1, 2, 3], to: "a.so")
        let old = [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)]
        utimes(path, old)
        let before = sample
        directory.write([3, 2, 1], to: "a.so")
        utimes(path, old)
        #expect(DirectorySample(directory.path, before: before, news: .nothing) != before)
        // After the kernel's notice, only the content counts.
        let now = sample
        #expect(DirectorySample(directory.path, before: now, news: .plugins(["a.so"])) == now)
    }
}
