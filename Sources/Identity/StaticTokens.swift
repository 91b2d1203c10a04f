import Crypto
import FoundationEssentials

/// Tokens that are known beforehand, each by its hash.
///
/// A line of their file has the SHA-256 of a token in hexadecimal digits, the name of its holder, and words for the
/// claim `scope`; `#` begins a comment. A token should have at least 128 random bits: then nobody finds it for a hash,
/// and no slower function is needed.
package struct StaticTokens: Sendable {
    private struct Holder: Sendable {
        let hash: [UInt64]
        let token: CheckedToken
    }

    private var holders: [Holder] = []

    package init() {}

    /// - Parameter name: the file's, for messages.
    package init(parsing text: String, name: String) throws(KeyError) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
            if words.isEmpty { continue }
            guard words.count >= 2, let hash = Self.hash(hexadecimal: words[0]) else {
                throw KeyError(
                    "\(name):\(index + 1)",
                    "expected the SHA-256 of a token in 64 hexadecimal digits, and the name of its holder")
            }
            if holders.contains(where: { $0.hash == hash }) {
                throw KeyError("\(name):\(index + 1)", "the same token is listed twice")
            }
            var claims = ["sub": ClaimValue.string(words[1])]
            if words.count > 2 { claims["scope"] = .string(words[2...].joined(separator: " ")) }
            holders.append(Holder(hash: hash, token: CheckedToken(claims)))
        }
        if holders.isEmpty { throw KeyError(name, "it has no tokens") }
    }

    package var isEmpty: Bool { holders.isEmpty }

    /// Takes the same time for every token of one length: all hashes are compared in full.
    func token(_ token: Substring) -> CheckedToken? {
        let hash = SHA256.hash(data: Data(token.utf8)).withUnsafeBytes(Self.words)
        var found: Int?
        for (index, holder) in holders.enumerated() {
            var difference: UInt64 = 0
            for word in 0..<4 { difference |= holder.hash[word] ^ hash[word] }
            if difference == 0 { found = index }
        }
        return found.map { holders[$0].token }
    }

    private static func words(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        (0..<4).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }

    private static func hash(hexadecimal text: String) -> [UInt64]? {
        guard text.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix(2)
            guard digits.allSatisfy(\.isHexDigit), let byte = UInt8(digits, radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes.count == 32 ? bytes.withUnsafeBytes(words) : nil
    }
}
