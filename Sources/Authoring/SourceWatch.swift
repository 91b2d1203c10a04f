import CLinux
import CommandOutput
import Files
import Glibc
import SystemCalls

/// Reports that something changed in one of several folders, but not what.
final class SourceWatch: Sendable {
    private let kernel: KernelWatch
    /// Becomes readable when `stop` is called.
    private let stopReading: Int32
    private let stopWriting: Int32

    init() throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        guard let kernel = KernelWatch(), sluice_pipe(&ends) == 0 else {
            throw CommandFailure("directories can't be watched: \(systemError()) (fs.inotify.max_user_instances?)")
        }
        self.kernel = kernel
        (stopReading, stopWriting) = (ends[0], ends[1])
    }

    deinit { for descriptor in [kernel.descriptor, stopReading, stopWriting] { close(descriptor) } }

    /// Watches one more folder, and the directories on the path to it. If another folder takes its place, it must be
    /// added again.
    func add(_ folder: String) throws(CommandFailure) {
        for step in PathSteps(folder) { kernel.add(step.directory, KernelWatch.names) }
        guard kernel.add(folder) >= 0 else {
            let (code, reason) = (errno, systemError())
            switch code {
            case ENOENT:
                throw CommandFailure(
                    "\(folder): the directory can't be read (\(reason)); create it, or name another one")
            case ENOTDIR: throw CommandFailure("\(folder): the directory can't be read (\(reason)); name a directory")
            case ENOSPC:
                throw CommandFailure("\(folder) can't be watched: \(reason); raise fs.inotify.max_user_watches")
            default: throw CommandFailure("\(folder) can't be watched: \(reason)")
            }
        }
    }

    /// Watches a file through symbolic links.
    func add(linked file: String) {
        for step in PathSteps(file) {
            kernel.add(step.directory, step.isLast ? KernelWatch.contents : KernelWatch.names)
        }
    }

    /// Waits for a change, and then until nothing more happens: editors and compilers save in several steps.
    /// - Parameters:
    ///   - quietMilliseconds: how long nothing must happen.
    ///   - mostMilliseconds: how long to wait for that at most.
    /// - Returns: `false` once `stop` has been called.
    func waitForChange(quietMilliseconds: Int32 = 30, mostMilliseconds: Int32 = 500) -> Bool {
        guard wait(-1) else { return false }
        for _ in 0..<max(1, mostMilliseconds / max(1, quietMilliseconds)) {
            guard kernel.drain() else { return wait(0) }
            guard wait(quietMilliseconds) else { return false }
        }
        return true
    }

    /// Makes `waitForChange` return `false` from now on. Any thread.
    func stop() { _ = write(stopWriting, [0], 1) }

    /// Waits for a notice, or until the time is up.
    /// - Returns: `false` once `stop` has been called.
    private func wait(_ milliseconds: Int32) -> Bool {
        var wanted = [kernel.descriptor, stopReading].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&wanted, 2, milliseconds) < 0, errno == EINTR {}
        return wanted[1].revents == 0
    }
}
