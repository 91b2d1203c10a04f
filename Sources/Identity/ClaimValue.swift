import EventStream

/// The value of a claim: any JSON (RFC 7519 §4).
enum ClaimValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([ClaimValue])
    case object([String: ClaimValue])

    /// A string as it is, anything else as JSON.
    var text: String {
        if case .string(let text) = self { return text }
        var json: [UInt8] = []
        appendJSON(to: &json)
        return String(decoding: json, as: UTF8.self)
    }

    /// The values of an array that are not arrays or objects themselves, or the value itself, as text.
    var items: [String] {
        switch self {
        case .array(let values): values.flatMap { $0.isScalar ? [$0.text] : [] }
        case .object, .null: []
        case .bool, .integer, .number, .string: [text]
        }
    }

    /// Seconds since 1970 (`NumericDate`), or any other number.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .null, .bool, .string, .array, .object: nil
        }
    }

    private var isScalar: Bool {
        switch self {
        case .null, .array, .object: false
        case .bool, .integer, .number, .string: true
        }
    }

    /// The members of an object are in alphabetical order, so that equal values have equal texts.
    private func appendJSON(to json: inout [UInt8]) {
        switch self {
        case .null: json += "null".utf8
        case .bool(let value): json += (value ? "true" : "false").utf8
        case .integer(let value): json += String(value).utf8
        case .number(let value): json += String(value).utf8
        case .string(let text): json.appendJSON(text)
        case .array(let values):
            json.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                value.appendJSON(to: &json)
            }
            json.append(UInt8(ascii: "]"))
        case .object(let members):
            json.append(UInt8(ascii: "{"))
            for (index, (name, value)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                json.appendJSON(name)
                json.append(UInt8(ascii: ":"))
                value.appendJSON(to: &json)
            }
            json.append(UInt8(ascii: "}"))
        }
    }
}

extension ClaimValue: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // The most frequent kinds first: each that does not fit costs an error.
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let values = try? container.decode([ClaimValue].self) {
            self = .array(values)
        } else if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else {
            self = .object(try container.decode([String: ClaimValue].self))
        }
    }
}
