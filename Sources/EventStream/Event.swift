/// An event that owns its fields: one that was parsed, or one to encode.
package struct Event: Sendable, Hashable {
    /// Its lines joined by LF; `nil`: no data line, so that nothing is dispatched.
    package var data: String?
    /// `nil`: "message".
    package var type: String?
    package var id: String?
    package var comment: String?
    /// The reconnection time.
    package var retryMilliseconds: Int64?

    package init(
        data: String? = nil, type: String? = nil, id: String? = nil, comment: String? = nil,
        retryMilliseconds: Int64? = nil
    ) {
        self.data = data
        self.type = type
        self.id = id
        self.comment = comment
        self.retryMilliseconds = retryMilliseconds
    }
}

extension Event {
    /// Lends its fields to one call of `body`.
    package func withFields<Result>(_ body: (EventFields) -> Result) -> Result {
        var bytes: [UInt8] = []
        func keep(_ text: String?) -> Range<Int>? {
            guard let text else { return nil }
            let start = bytes.count
            bytes.append(contentsOf: text.utf8)
            return start..<bytes.count
        }
        let (data, type) = (keep(data), keep(type))
        let (id, comment) = (keep(id), keep(comment))
        return bytes.withUnsafeBytes { bytes in
            func lend(_ range: Range<Int>?) -> UnsafeRawBufferPointer? {
                range.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }
            }
            var fields = EventFields()
            fields.data = lend(data)
            fields.type = lend(type)
            fields.id = lend(id)
            fields.comment = lend(comment)
            fields.retryMilliseconds = retryMilliseconds ?? -1
            return body(fields)
        }
    }
}

extension EventEncoder {
    /// The same as `encode` of the event's fields.
    package func encode(_ event: Event, into frames: inout FrameBuffer) throws(EncodingFault) {
        let fault = event.withFields { fields -> EncodingFault? in
            do throws(EncodingFault) {
                try encode(fields, into: &frames)
                return nil
            } catch {
                return error
            }
        }
        if let fault { throw fault }
    }
}
