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

    @Test("what changes back is told, too: somebody may have taken up what was there in between")
    func back() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        #expect(!look(1, at: 0))
        #expect(!look(0, at: 100) && debounce.nextLook == 300)
        #expect(!look(0, at: 299))
        #expect(look(0, at: 300) && debounce.nextLook == nil)
        #expect(!look(0, at: 400))
        // And a change from there on is one.
        #expect(!look(1, at: 500))
        #expect(look(1, at: 700))
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

    @Test("one that comes, goes and comes back is three changes")
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
        // Content alone tells, once the kernel has.
        let now = sample
        #expect(DirectorySample(directory.path, before: now, news: .plugins(["a.so"])) == now)
    }
}

@Suite("The kernel's notices of what is followed")
struct FollowedPathsTests {
    private let directory = TemporaryDirectory()
    private let kernel = KernelWatch()

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// What is told of each step; everything is looked up anew after each, as whoever is told does.
    private func expect(
        _ steps: [(name: String, expected: FollowedPaths.News, act: () -> Void)], files: [String] = []
    ) throws {
        var paths = FollowedPaths(try #require(kernel))
        paths.follow(plugins: path("plugins"), files: files)
        _ = paths.news()
        for step in steps {
            step.act()
            #expect(paths.news() == step.expected, "\(step.name)")
            paths.follow(plugins: path("plugins"), files: files)
            _ = paths.news()
        }
    }

    @Test("a directory of plugins: its files, and itself")
    func plugins() throws {
        mkdir(path("plugins"), 0o755)
        try expect([
            ("a new one", .plugins(["a.so"]), { directory.write([1], to: "plugins/a.so") }),
            ("written to", .plugins(["a.so"]), { directory.write([2], to: "plugins/a.so") }),
            ("something else", .nothing, { directory.write([1], to: "plugins/readme.txt") }),
            ("hidden", .nothing, { directory.write([1], to: "plugins/.a.so") }),
            ("beside it", .nothing, { directory.write([1], to: "b.so") }),
            ("moved away", .anything, { rename(path("plugins"), path("old")) }),
            ("one in what was moved away", .nothing, { directory.write([1], to: "old/a.so") }),
            ("another in its place", .anything, { mkdir(path("plugins"), 0o755) }),
            ("one in it", .plugins(["c.so"]), { directory.write([1], to: "plugins/c.so") }),
            (
                "removed", .anything,
                {
                    unlink(path("plugins/c.so")); rmdir(path("plugins"))
                }
            ),
            ("back", .anything, { rename(path("old"), path("plugins")) }),
            ("one in it again", .plugins(["a.so"]), { directory.write([3], to: "plugins/a.so") }),
        ])
    }

    @Test("a configuration file that is not there yet, nor its directory; that goes, and comes back")
    func configuration() throws {
        mkdir(path("plugins"), 0o755)
        try expect(
            [
                ("the directory", .anything, { mkdir(path("etc"), 0o755) }),
                ("another file", .nothing, { directory.write([1], to: "etc/other.yaml") }),
                ("the file", .anything, { directory.write([1], to: "etc/s.yaml") }),
                ("written to", .anything, { directory.write([2], to: "etc/s.yaml") }),
                ("gone", .anything, { unlink(path("etc/s.yaml")) }),
                ("back", .anything, { directory.write([2], to: "etc/s.yaml") }),
                (
                    "saved under another name first", .anything,
                    {
                        directory.write([4], to: "etc/s.yaml~")
                        rename(path("etc/s.yaml~"), path("etc/s.yaml"))
                    }
                ),
            ], files: [path("etc/s.yaml")])
    }

    @Test("links: what they lead to, wherever that is, and a volume that is swapped as Kubernetes does")
    func links() throws {
        for name in ["plugins", "plugins/..v1", "plugins/..v2", "elsewhere"] { mkdir(path(name), 0o755) }
        directory.write([1], to: "plugins/..v1/x.so")
        directory.write([1], to: "plugins/..v2/x.so")
        directory.write([1], to: "elsewhere/y.so")
        symlink("..v1", path("plugins/..data"))
        symlink("..data/x.so", path("plugins/x.so"))
        symlink("../elsewhere/y.so", path("plugins/y.so"))
        func swap(to version: String) {
            symlink(version, path("plugins/..tmp"))
            rename(path("plugins/..tmp"), path("plugins/..data"))
        }
        try expect([
            ("the file behind a link", .anything, { directory.write([2], to: "elsewhere/y.so") }),
            ("a file beside it", .nothing, { directory.write([2], to: "elsewhere/z.so") }),
            ("the next version, not used yet", .nothing, { directory.write([2], to: "plugins/..v2/x.so") }),
            ("swapped", .anything, { swap(to: "..v2") }),
            ("in the version that is used now", .anything, { directory.write([3], to: "plugins/..v2/x.so") }),
            ("in the one before", .nothing, { directory.write([3], to: "plugins/..v1/x.so") }),
            ("and back", .anything, { swap(to: "..v1") }),
            ("in the first again", .anything, { directory.write([4], to: "plugins/..v1/x.so") }),
            ("a link that leads nowhere", .anything, { unlink(path("elsewhere/y.so")) }),
            ("and somewhere again", .anything, { directory.write([5], to: "elsewhere/y.so") }),
        ])
    }
}
