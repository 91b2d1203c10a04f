import Glibc

/// Reads up to `limit` bytes, or to the end; read(2).
/// - Returns: the bytes that were read, and 0 or the `errno` of a failure.
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

/// Reads a file without relying on its size, such as one of proc(5), or a short one. On failure, it returns what was
/// read so far.
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
