import FoundationEssentials

/// Values as JSON text (RFC 8259), for programs that read a command's output. Members have names in snake case:
/// `uptime_seconds`.
package enum JSONText {
    /// One line without a newline, with its keys in alphabetical order.
    /// - Parameter value: its numbers must be finite.
    package static func line(_ value: some Encodable) -> [UInt8] { encoded(value, []) }

    /// Several lines, for people; ends with a newline.
    package static func pretty(_ value: some Encodable) -> [UInt8] {
        encoded(value, .prettyPrinted) + [UInt8(ascii: "\n")]
    }

    private static func encoded(_ value: some Encodable, _ layout: JSONEncoder.OutputFormatting) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = layout.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let bytes: [UInt8]
        do {
            bytes = Array(try encoder.encode(value))
        } catch {
            preconditionFailure("texts and finite numbers can always be encoded: \(error)")
        }
        // Terminals act on DEL. In JSON, it can only be in a string.
        guard bytes.contains(0x7f) else { return bytes }
        return bytes.flatMap { $0 == 0x7f ? Array("\\u007f".utf8) : [$0] }
    }

    /// - Returns: `nil` if it is not JSON or not of that type. Members that the type does not have are ignored.
    package static func decoded<Value: Decodable>(_ type: Value.Type, from bytes: some Collection<UInt8>) -> Value? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(type, from: Data(bytes))
    }
}

/// A member that is written as `null` if it has no value, so that it is always present. A missing member is read as
/// `nil`.
@propertyWrapper package struct OrNull<Value: Codable & Sendable>: Codable, Sendable {
    package var wrappedValue: Value?

    package init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

extension OrNull: Equatable where Value: Equatable {}

extension KeyedDecodingContainer {
    /// The compiler calls this for such members.
    package func decode<Value>(_ type: OrNull<Value>.Type, forKey key: Key) throws -> OrNull<Value> {
        try decodeIfPresent(type, forKey: key) ?? OrNull(wrappedValue: nil)
    }
}
