import Glibc

/// The descriptors on which NIO's loops wait. NIO creates them without `EPOLL_CLOEXEC`, so a program that a plugin
/// starts would hold them, and what they watch.
enum EventPolls {
    /// Makes sure that no program that is started from now on inherits one. NIO does not expose them, so all
    /// descriptors of the process are examined; any other epoll(7) set is of no use to another program either.
    static func closeOnExec() {
        guard let listing = opendir("/proc/self/fd") else { return }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = Int32(name), isEventPoll(descriptor) else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    private static func isEventPoll(_ descriptor: Int32) -> Bool {
        var target = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
        return count > 0 && target[..<count].elementsEqual("anon_inode:[eventpoll]".utf8.map(CChar.init))
    }
}
