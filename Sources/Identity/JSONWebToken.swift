import FoundationEssentials

/// A token in its compact form (RFC 7515 §7.1), taken apart. Nothing of it is trusted yet.
struct JSONWebToken {
    let algorithm: String
    /// The ID of the key with which it is signed; `nil` if it names none.
    let keyID: String?
    /// What the signature is for: header and payload, as sent.
    let signedBytes: [UInt8]
    let signature: [UInt8]
    private let payload: [UInt8]

    private struct Header: Decodable {
        let alg: String
        let kid: String?
        let isCritical: Bool

        private enum CodingKeys: CodingKey { case alg, kid, crit }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            alg = try container.decode(String.self, forKey: .alg)
            kid = try container.decodeIfPresent(String.self, forKey: .kid)
            isCritical = container.contains(.crit)
        }
    }

    /// Whether a text can be a token of this kind at all: three parts.
    static func hasForm(_ text: Substring) -> Bool { text.utf8.count { $0 == UInt8(ascii: ".") } == 2 }

    init(_ text: Substring) throws(TokenFault) {
        let bytes = Array(text.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed("it does not have three parts") }
        guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed("a part is not in Base64 for URLs") }
        guard Self.isShallow(header), Self.isShallow(payload) else { throw .malformed("its JSON is nested too deeply") }
        let fields: Header
        do {
            fields = try JSONDecoder().decode(Header.self, from: Data(header))
        } catch {
            throw .malformed("its header is not a JSON object with “alg” and, perhaps, “kid”")
        }
        // Extensions that the recipient must understand, and this one understands none (RFC 7515 §4.1.11).
        guard !fields.isCritical else { throw .malformed("its header has “crit”") }
        (algorithm, keyID) = (fields.alg, fields.kid)
        signedBytes = Array(bytes[..<parts[1].endIndex])
        self.signature = signature
        self.payload = payload
    }

    /// The claims; to be read only once the signature was found valid.
    func claims() throws(TokenFault) -> [String: ClaimValue] {
        do {
            return try JSONDecoder().decode([String: ClaimValue].self, from: Data(payload))
        } catch {
            throw .malformed("its payload is not a JSON object")
        }
    }

    /// Whether JSON has no more levels than claims need: decoding takes longer with each, and stack.
    private static func isShallow(_ json: [UInt8]) -> Bool {
        var (depth, isText, isEscaped) = (0, false, false)
        for byte in json {
            switch byte {
            case _ where isEscaped: isEscaped = false
            case UInt8(ascii: "\\"): isEscaped = isText
            case UInt8(ascii: "\""): isText.toggle()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                if !isText { depth += 1 }
                if depth > depthMax { return false }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): if !isText { depth -= 1 }
            default: break
            }
        }
        return true
    }

    private static let depthMax = 16
}
