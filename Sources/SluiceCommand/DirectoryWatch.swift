import Glibc
import Logging
import StreamLoop

/// Tells of every change of a directory of plugins once it is at rest, on a thread of its own.
///
/// The kernel says that something may have happened (inotify(7)); what has happened is then looked up, and it is looked up from
/// time to time anyway: a file behind a link, or on another machine, changes without a word. So a directory that is replaced, moved
/// away or mounted over is followed by its name.
struct DirectoryWatch: Sendable {
    let directory: String
    /// Files elsewhere that matter as well.
    let others: [String]
    let logger: Logger
    let changed: @Sendable () -> Void

    /// How long everything must look the same. Nanoseconds.
    static let rest: Int64 = 200_000_000
    /// How often it is looked at when the kernel says nothing. Milliseconds.
    private static let interval: Int32 = 5000
    /// The same where the kernel can't say anything.
    private static let intervalUnwatched: Int32 = 500

    /// - Returns: `false` if the system has no thread to give.
    func start() -> Bool {
        let debounce = Debounce(DirectorySample(directory, others: others), rest: Self.rest)
        let kernel = KernelWatch()
        if kernel == nil {
            logger.warning(
                "the kernel watches no directory for this process: it is looked at twice a second",
                metadata: ["error": "\(String(cString: strerror(errno)))"])
        }
        if let kernel { watch(with: kernel) }
        return startThread(named: "sluice-watch", stackBytes: 512 * 1024) { [debounce] in
            var debounce = debounce
            while true {
                let left = debounce.nextLook.map { max(1, ($0 - monotonicNanoseconds()) / 1_000_000 + 1) }
                let idle = kernel == nil ? Self.intervalUnwatched : Self.interval
                let hasNews = wait(left.map { Int32(clamping: $0) } ?? idle, kernel)
                // What changes a directory seldom stops at one file: the rest of it comes meanwhile.
                if hasNews { poll(nil, 0, Int32(Self.rest / 1_000_000)) }
                if let kernel { watch(with: kernel) }
                if debounce.look(DirectorySample(directory, others: others), at: monotonicNanoseconds()) { changed() }
            }
        }
    }

    /// The directory, and the one that holds its name. Again and again: what has taken its place is watched from now on.
    private func watch(with kernel: KernelWatch) {
        kernel.add(directory)
        let path = ControlPath.absolute(directory)
        let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        kernel.add(parent.isEmpty ? "/" : String(parent), KernelWatch.names)
    }

    /// - Returns: whether the kernel has something to say.
    private func wait(_ milliseconds: Int32, _ kernel: KernelWatch?) -> Bool {
        guard let kernel else {
            poll(nil, 0, milliseconds)
            return false
        }
        return kernel.wait(milliseconds)
    }
}
