/// Identifies a file's content, to detect changes: the 128-bit FNV-1a hash of its bytes.
///
/// It does not protect against forgery and need not: anyone who can write to a plugin's file can run any code anyway.
package struct ContentID: Hashable, Sendable, CustomStringConvertible {
    private let hash: UInt128

    package init(of bytes: UnsafeRawBufferPointer) {
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b
        for byte in bytes { hash = (hash ^ UInt128(truncatingIfNeeded: byte)) &* prime }
        self.hash = hash
    }

    /// 32 hexadecimal digits.
    package var description: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
