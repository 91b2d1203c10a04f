/// A chunk of an HTTP/1.1 message (RFC 9112, section 7.1) with one frame: its size as eight hexadecimal digits, CRLF,
/// the frame, CRLF.
///
/// The size may have leading zeros, so its place can be kept free until the frame is there. Code that does not send
/// chunks finds the frame without looking for its end.
package enum Chunk {
    package static let headCount = 10
    static let tailCount = 2
    /// What a chunk adds to its content. Bytes.
    package static let overhead = headCount + tailCount
    /// The largest size that fits into the digits.
    package static let sizeMax = Int(UInt32.max)

    @inline(__always)
    package static func writeHead(size: Int, to target: UnsafeMutableRawPointer) {
        precondition(size <= sizeMax, "a frame fits into a chunk")
        target.storeBytes(of: digits(UInt32(truncatingIfNeeded: size)).bigEndian, as: UInt64.self)
        target.storeBytes(of: lineEnd, toByteOffset: 8, as: UInt16.self)
    }

    @inline(__always)
    static func writeTail(to target: UnsafeMutableRawPointer) { target.storeBytes(of: lineEnd, as: UInt16.self) }

    /// The size of the content of the chunk whose head is here.
    static func size(at head: UnsafeRawPointer) -> Int {
        var size = 0
        for index in 0..<8 {
            let digit = Int(head.load(fromByteOffset: index, as: UInt8.self))
            size = size << 4 | (digit & 0x0F &+ (digit >> 6) * 9)
        }
        return size
    }

    private static let lineEnd = (0x0A0D as UInt16).littleEndian

    /// Eight digits, the first one in the highest byte: each byte gets its four bits, and then all become characters at
    /// once.
    @inline(__always)
    private static func digits(_ number: UInt32) -> UInt64 {
        var nibbles = UInt64(number)
        nibbles = (nibbles << 16 | nibbles) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
        let isLetter = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ isLetter &* 0x27
    }
}
