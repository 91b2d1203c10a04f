import Files
import Glibc
import TestSupport
import Testing

@testable import PluginDirectory

@Suite("The kernel's notices of followed paths")
struct FollowedPathsTests {
    private let directory = TemporaryDirectory()
    private let kernel = KernelWatch()

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Checks the news after each step, and then follows the paths again.
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

    @Test("a directory of plugins: its files, and the directory itself")
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

    @Test("a configuration file that does not exist yet, nor its directory; that is removed and created again")
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

    @Test("links: their targets, wherever they are, and a volume that is swapped as in Kubernetes")
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
