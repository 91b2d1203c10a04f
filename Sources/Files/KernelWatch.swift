import Glibc

/// The kernel's word that something in a directory has changed; what has is to be looked up. inotify(7).
package struct KernelWatch: Sendable {
    /// Something happened to a name in a watched directory.
    package struct Notice: Sendable, Equatable {
        /// What `add` returned for the directory.
        package let watch: Int32
        /// Empty: to the directory itself.
        package let name: String
        /// There was more than the kernel could remember: anything may have happened.
        package let isOverflow: Bool
    }

    /// Readable when there is something to say. For the owner to close, if the process goes on without.
    package let descriptor: Int32

    /// All that can happen to the files in a directory, and to itself.
    package static let contents = UInt32(
        IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF
            | IN_MOVE_SELF)
    /// What happens to the names in it.
    package static let names = UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

    /// `nil`, with the reason in `errno`, if the system has none to give.
    package init?() {
        descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        if descriptor < 0 { return nil }
    }

    /// Watches one more directory; one that is watched already stays so, and one that goes is forgotten.
    /// - Returns: its number; -1, with the reason in `errno`, if it cannot be watched.
    @discardableResult package func add(_ directory: String, _ wanted: UInt32 = contents) -> Int32 {
        inotify_add_watch(descriptor, directory, wanted | UInt32(IN_MASK_ADD))
    }

    package func remove(_ watch: Int32) { inotify_rm_watch(descriptor, watch) }

    /// Waits until there is something to say, or so many milliseconds have passed.
    package func wait(_ milliseconds: Int32) {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&wanted, 1, milliseconds)
    }

    /// Takes what there is to say, whatever it is.
    /// - Returns: `false` if there was nothing.
    @discardableResult package func drain() -> Bool { !take().isEmpty }

    /// Takes what there is to say.
    package func take() -> [Notice] {
        var notices: [Notice] = []
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return notices }
            notices += Self.notices(in: bytes[..<count])
        }
    }

    /// `struct inotify_event`: the watch, what happened, a cookie, the length of the name, and the name, with NULs
    /// behind it.
    private static func notices(in bytes: ArraySlice<UInt8>) -> [Notice] {
        bytes.withUnsafeBytes { bytes in
            var notices: [Notice] = []
            var place = 0
            while place + 16 <= bytes.count {
                let length = Int(bytes.load(fromByteOffset: place + 12, as: UInt32.self))
                guard place + 16 + length <= bytes.count else { break }
                let name = bytes[(place + 16)..<(place + 16 + length)].prefix { $0 != 0 }
                let mask = bytes.load(fromByteOffset: place + 4, as: UInt32.self)
                // That a watch is gone was preceded by the reason, unless this process removed it.
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
