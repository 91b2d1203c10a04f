import Glibc
import SystemCalls

/// How long the calling thread has been ready to run without a processor since it began: the second number of its
/// schedstat (proc(5)). 0 if the kernel does not count it.
func threadRunDelay() -> Nanoseconds {
    let descriptor = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { text in
        let count = read(descriptor, text.baseAddress, text.count)
        guard count > 0 else { return 0 }
        let fields = text[..<count].split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int64(String(decoding: fields[1], as: UTF8.self)) ?? 0 : 0
    }
}
