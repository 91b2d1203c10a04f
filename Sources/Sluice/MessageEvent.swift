import FoundationEssentials

/// One event as a browser's `EventSource` receives it: the fields of a Server-Sent Event (WHATWG HTML, section 9.2.6).
///
/// Each line of `data` becomes a line of the stream. Browsers do not dispatch an event without `data`, but remember its
/// `id`. The server refuses an event that would break the stream: with a line end or NUL in `type` or `id`, an `id` of
/// more than 1024 bytes, or more bytes in total than its limit. The stream then ends as failed, and the log names the
/// rule.
public struct MessageEvent: Sendable, Equatable {
    /// The payload: any text, which may have several lines.
    public var data: String?
    /// The event's name for `addEventListener`; `nil` means "message".
    public var type: String?
    /// What a subscriber sends as `Last-Event-ID` when it reconnects. Short ASCII text is best.
    public var id: String?
    /// How long a subscriber that lost its connection should wait before it reconnects.
    public var retry: Duration?
    /// A comment, which browsers do not pass to scripts.
    public var comment: String?

    public init(
        _ data: String? = nil, type: String? = nil, id: String? = nil, retry: Duration? = nil, comment: String? = nil
    ) {
        self.data = data
        self.type = type
        self.id = id
        self.retry = retry
        self.comment = comment
    }

    /// An event whose data is a value as JSON, on one line, with sorted keys.
    /// - Throws: what the value's `encode(to:)` throws; `EncodingError` for a number that JSON does not have.
    public init(
        json value: some Encodable, type: String? = nil, id: String? = nil, retry: Duration? = nil,
        comment: String? = nil
    ) throws {
        let json = try Self.encoder.encode(value)
        self.init(String(decoding: json, as: UTF8.self), type: type, id: id, retry: retry, comment: comment)
    }

    /// An event whose data is the bytes as UTF-8 text.
    /// - Throws: `InvalidText` if they are not UTF-8.
    public init(utf8 bytes: some Collection<UInt8>, type: String? = nil, id: String? = nil) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw InvalidText() }
        self.init(text, type: type, id: id)
    }

    /// The bytes for an event's data are not UTF-8.
    public struct InvalidText: Error, Equatable, CustomStringConvertible {
        public var description: String { "the bytes are not UTF-8 text" }
    }

    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
}

extension MessageEvent: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}
