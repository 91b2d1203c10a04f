import Glibc

/// Reports that something in a directory has changed, but not what its new state is. inotify(7).
package struct KernelWatch: Sendable {
    /// An event for a name in a watched directory.
    package struct Notice: Sendable, Equatable {
        /// The directory's number, as returned by `add`.
        package let watch: Int32
        /// Empty if the event is about the directory itself.
        package let name: String
        /// The kernel's queue overflowed, so anything may have happened.
        package let isOverflow: Bool
    }

    /// Readable when there are notices. Its owner must close it, unless the process is exiting.
    package let descriptor: Int32

    /// All events for the files in a directory, and for the directory itself.
    package static let contents = UInt32(
        IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF
            | IN_MOVE_SELF)
    /// Events for the names in a directory.
    package static let names = UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

    /// `nil`, with the reason in `errno`, if the system can't provide one.
    package init?() {
        descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        if descriptor < 0 { return nil }
    }

    /// Watches a directory. It can be added again, and is forgotten when it is removed.
    /// - Returns: its number; -1, with the reason in `errno`, if it can't be watched.
    @discardableResult package func add(_ directory: String, _ wanted: UInt32 = contents) -> Int32 {
        inotify_add_watch(descriptor, directory, wanted | UInt32(IN_MASK_ADD))
    }

    package func remove(_ watch: Int32) { inotify_rm_watch(descriptor, watch) }

    /// Waits until there are notices, or until the time is up.
    package func wait(_ milliseconds: Int32) {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wanted, 1, milliseconds)
    }

    /// Discards all notices.
    /// - Returns: `false` if there were none.
    @discardableResult package func drain() -> Bool { !take().isEmpty }

    /// Reads all notices.
    package func take() -> [Notice] {
        var notices: [Notice] = []
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return notices }
            notices += Self.notices(in: bytes[..<count])
        }
    }

    /// `struct inotify_event`: the watch, the event mask, a cookie, the length of the name, and the name, padded with
    /// NULs.
    private static func notices(in bytes: ArraySlice<UInt8>) -> [Notice] {
        bytes.withUnsafeBytes { bytes in
            var notices: [Notice] = []
            var place = 0
            while place + 16 <= bytes.count {
                let length = Int(bytes.load(fromByteOffset: place + 12, as: UInt32.self))
                guard place + 16 + length <= bytes.count else { break }
                let name = bytes[(place + 16)..<(place + 16 + length)].prefix { $0 != 0 }
                let mask = bytes.load(fromByteOffset: place + 4, as: UInt32.self)
                // The notice that a watch is gone follows one with the reason, unless this process removed the watch.
                if mask & UInt32(IN_IGNORED) == 0 {
                    notices.append(
                        Notice(
                            watch: bytes.load(fromByteOffset: place, as: Int32.self),
                            name: String(decoding: name, as: UTF8.self),
                            isOverflow: mask & UInt32(IN_Q_OVERFLOW) != 0))
                }
                place += 16 + length
            }
            return notices
        }
    }
}
