/// Base64 with the alphabet for URLs, without padding, as tokens and keys have it (RFC 7515 §2).
///
/// The library's own decoder is for the other alphabet, and skips what this one has to refuse; translating for it takes
/// longer than decoding.
enum Base64URL {
    /// - Returns: `nil` if the text has any other character, padding, or bits that mean nothing: two texts must not
    ///   mean the same, or a copy of a token could pass where the token itself is barred.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4 + 1)
        var (pending, count): (UInt32, Int) = (0, 0)
        for character in text {
            let value = values[Int(character)]
            guard value < 64 else { return nil }
            pending = pending << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: pending >> UInt32(count)))
            }
        }
        // One character alone is no byte; of two or three, four or two bits are left.
        let left = pending & (1 << UInt32(count) - 1)
        return count < 6 && left == 0 ? bytes : nil
    }

    /// The value of each character; 255 for those that have none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()
}
