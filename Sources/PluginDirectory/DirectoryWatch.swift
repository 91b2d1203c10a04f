import Files
import Glibc
package import Logging
import StreamLoop
import SystemCalls

/// Tells of every change of a directory of plugins once it is at rest, on a thread of its own.
///
/// The kernel says that something may have happened (inotify(7)); what has happened is then looked up, and it is looked
/// up from time to time anyway: a file on another machine changes, and something is mounted, without a word.
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
    /// How often it is looked at when the kernel says nothing.
    private static let interval: Nanoseconds = 5_000_000_000
    /// The same where the kernel can't say anything.
    private static let intervalUnwatched: Nanoseconds = 500_000_000

    /// Takes a first look: what changes from now on is told once it is started.
    /// - Parameter others: files elsewhere that matter as well, whether they are there or not.
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
                    // What changes a directory seldom stops at one file: the rest of it comes meanwhile.
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

    /// May return early, with nothing: much that the kernel says is about other files.
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
