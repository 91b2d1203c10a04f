import Glibc

/// Reads until there are so many bytes, or no more; read(2).
/// - Returns: what there was, and an `errno` if that is not all; 0: it is.
package func readBytes(from descriptor: Int32, atMost limit: Int) -> (bytes: [UInt8], failure: Int32) {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        while count < buffer.count {
            let got = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            if got < 0, errno == EINTR { continue }
            if got < 0 { failure = errno }
            if got <= 0 { return }
            count += got
        }
    }
    return (bytes, failure)
}

/// A file that does not say how long it is, as those of proc(5), or a short one; what can't be read is missing.
package func fileBytes(_ path: String, bytesMax: Int = .max) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count < bytesMax {
        let part = readBytes(from: descriptor, atMost: min(64 * 1024, bytesMax - bytes.count)).bytes
        if part.isEmpty { break }
        bytes += part
    }
    return bytes
}
