/// Why an event cannot be sent: the rule that it breaks.
package enum EncodingFault: Error, Sendable, Equatable {
    /// The fields that contain text.
    package enum Field: String, Sendable, CaseIterable {
        case data, type, id, comment
    }

    /// No field at all.
    case empty
    /// A CR or LF would begin a new field on the wire.
    case newline(Field)
    /// A client ignores an id that contains a NUL (WHATWG HTML 9.2.6).
    case nul(Field)
    /// The first byte, counted from 0, that belongs to no well-formed sequence (Unicode, table 3-7).
    case invalidUTF8(Field, offset: Int)
    /// The id is `EventID.finished`, the host's own.
    case reservedID
    /// The id is longer than `EventID.maximumBytes`.
    case idTooLong
    /// Data, type, id and comment together are longer than `EventEncoder.maximumEventBytes`.
    case tooLong(limit: Int)
}

extension EncodingFault: CustomStringConvertible {
    /// As an operator reads it, after the name of the producer.
    package var description: String {
        switch self {
        case .empty: "the event has no fields"
        case .newline(let field): "\(field.rawValue) contains a newline"
        case .nul(let field): "\(field.rawValue) contains a NUL"
        case .invalidUTF8(let field, let offset): "\(field.rawValue) is not valid UTF-8 at byte \(offset)"
        case .reservedID: "id is \"\(EventID.finished)\", which is reserved for the host"
        case .idTooLong: "id is longer than \(EventID.maximumBytes) bytes"
        case .tooLong(let limit): "the event's data, type, id and comment are longer than \(limit) bytes"
        }
    }
}
