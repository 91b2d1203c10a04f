import Glibc

/// Writes all bytes, and waits for the reader if necessary. It stops at an error.
/// - Returns: `false` after an error, such as a reader that is gone or a full disk.
@discardableResult package func writeFully(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}

/// The same for a text.
@discardableResult package func writeFully(_ text: String, to descriptor: Int32) -> Bool {
    writeFully(Array(text.utf8), to: descriptor)
}
