import Glibc

/// The kernel's word that something in a directory has changed; what has is to be looked up. inotify(7).
struct KernelWatch: Sendable {
    /// Readable when there is something to say. For the owner to close, if the process goes on without.
    let descriptor: Int32

    /// All that can happen to the files in a directory, and to itself.
    static let contents = UInt32(
        IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF
            | IN_MOVE_SELF)
    /// What happens to the names in it.
    static let names = UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

    /// `nil`, with the reason in `errno`, if the system has none to give.
    init?() {
        descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        if descriptor < 0 { return nil }
    }

    /// Watches one more directory; one that is watched already stays so, and one that goes is forgotten.
    /// - Returns: `false`, with the reason in `errno`, if it cannot be watched.
    @discardableResult func add(_ directory: String, _ wanted: UInt32 = contents) -> Bool {
        inotify_add_watch(descriptor, directory, wanted) >= 0
    }

    /// - Returns: whether there was something to say within so many milliseconds.
    func wait(_ milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wanted, 1, milliseconds) > 0 && drain()
    }

    /// Takes what there is to say; what it is does not matter, nor whether some of it was lost.
    /// - Returns: `false` if there was nothing.
    @discardableResult func drain() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        var isAny = false
        while read(descriptor, &bytes, bytes.count) > 0 { isAny = true }
        return isAny
    }
}
