import Files
import Glibc
package import Logging
import StreamLoop
import SystemCalls

/// Reports every change in a directory of plugins once the directory is at rest. It has its own thread.
///
/// The kernel only reports that something may have changed (inotify(7)), so the directory is then compared. It is also
/// compared at intervals, because the kernel does not report changes on other machines, and new mounts.
package struct DirectoryWatch: Sendable {
    private let directory: String
    private let others: [String]
    private let logger: Logger
    private let changed: @Sendable () -> Void
    private let kernel: KernelWatch?
    private let first: DirectorySample
    private let firstPaths: FollowedPaths?

    /// How long everything must look the same.
    static let rest: Nanoseconds = 200_000_000
    /// How often to look without news from the kernel.
    private static let interval: Nanoseconds = 5_000_000_000
    /// The same if the directory can't be watched.
    private static let intervalUnwatched: Nanoseconds = 500_000_000

    /// Takes the first sample. Later changes are reported after `start`.
    /// - Parameter others: relevant files elsewhere, whether or not they exist.
    package init(directory: String, others: [String], logger: Logger, changed: @escaping @Sendable () -> Void) {
        (self.directory, self.others, self.logger, self.changed) = (directory, others, logger, changed)
        kernel = KernelWatch()
        if kernel == nil {
            logger.warning(
                "the directory can't be watched; checking it twice a second instead",
                metadata: ["error": "\(systemError())"])
        }
        var paths = kernel.map(FollowedPaths.init)
        paths?.follow(plugins: directory, files: others)
        firstPaths = paths
        first = DirectorySample(directory, others: others)
    }

    /// - Returns: `false` if no thread can be started.
    package func start() -> Bool {
        startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            var paths = firstPaths
            var last = first
            var debounce = Debounce(last, rest: Self.rest)
            let interval = kernel == nil ? Self.intervalUnwatched : Self.interval
            var due = monotonicNanoseconds() + interval
            while true {
                var news = waitForNews(until: due, paths)
                guard news != .nothing || monotonicNanoseconds() >= due else { continue }
                if news != .nothing {
                    // A change in a directory seldom affects only one file: the others can change meanwhile.
                    poll(nil, 0, Int32(Self.rest / 1_000_000))
                    if let paths { news.add(paths.news()) }
                }
                paths?.follow(plugins: directory, files: others)
                last = DirectorySample(directory, others: others, before: last, news: news)
                let now = monotonicNanoseconds()
                if debounce.look(last, at: now) { changed() }
                due = debounce.nextLook ?? now + interval
            }
        }
    }

    /// Can return early without news, because many of the kernel's notices are about other files.
    private func waitForNews(until due: MonotonicNanoseconds, _ paths: FollowedPaths?) -> FollowedPaths.News {
        let milliseconds = Int32(clamping: max(0, due - monotonicNanoseconds()) / 1_000_000 + 1)
        guard let kernel, let paths else {
            poll(nil, 0, milliseconds)
            return .nothing
        }
        kernel.wait(milliseconds)
        return paths.news()
    }
}
