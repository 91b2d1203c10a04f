/// A stream's name within the process: a loop, a slot on it, and the slot's epoch. Never an address, so that a token
/// which is used after its stream has ended is recognised instead of followed.
package struct StreamToken: Hashable, Sendable, CustomStringConvertible {
    /// Never zero.
    package let raw: UInt64

    package init?(raw: UInt64) {
        guard raw != 0 else { return nil }
        self.raw = raw
    }

    /// - Parameters:
    ///   - loop: the home loop, below 256.
    ///   - slot: the place in its table, below 2^24.
    ///   - epoch: how often the slot was used, not 0.
    package init(loop: Int, slot: UInt32, epoch: UInt32) {
        precondition(
            loop >= 0 && loop < 256 && slot < 1 << 24 && epoch != 0,
            "a token has 8 bits of loop, 24 of slot, 32 of epoch")
        raw = UInt64(epoch) << 32 | UInt64(loop) << 24 | UInt64(slot)
    }

    package var loop: Int { Int(raw >> 24 & 0xff) }
    package var slot: UInt32 { UInt32(raw & 0xff_ffff) }
    package var epoch: UInt32 { UInt32(raw >> 32) }

    /// As it is written to logs: hexadecimal, without leading zeros.
    package var description: String { String(raw, radix: 16) }
}
