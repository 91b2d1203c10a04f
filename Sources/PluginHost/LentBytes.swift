/// Bytes that a plugin can read as long as this object lives, followed by a NUL.
///
/// `@unchecked Sendable`: only `init` writes it; afterwards it is only read, and the last owner frees it.
final class LentBytes: @unchecked Sendable {
    let start: UnsafePointer<CChar>
    /// Without the NUL.
    let count: Int

    init(copyingBytes bytes: some Collection<UInt8>) {
        count = bytes.count
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count + 1)
        _ = memory.initialize(from: bytes)
        memory[bytes.count] = 0
        start = UnsafePointer(UnsafeRawPointer(memory.baseAddress!).assumingMemoryBound(to: CChar.self))
    }

    /// - Returns: `nil` for text that contains a NUL: cut off there, it would mean something else.
    convenience init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        self.init(copyingBytes: text.utf8)
    }

    deinit { start.deallocate() }
}
