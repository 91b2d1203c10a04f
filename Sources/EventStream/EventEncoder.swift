/// Turns the fields of an event into a frame: the bytes that are sent (WHATWG HTML 9.2.6, in the order event, id,
/// retry, comment, data; one space after each colon; LF; one blank line).
///
/// Data and comments are split at CR, LF and CRLF, so a text that ends with a line end has an empty last line. Fields
/// that would not reach a client unchanged are rejected.
package struct EventEncoder: Sendable {
    /// The most that data, type, id and comment may hold together, in bytes.
    package var maximumEventBytes: Int

    package init(maximumEventBytes: Int = 1 << 20) {
        self.maximumEventBytes = maximumEventBytes
    }

    /// Appends one frame and counts it.
    /// - Throws: the rule that the event breaks; `frames` is then unchanged.
    package func encode(_ fields: EventFields, into frames: inout FrameBuffer) throws(EncodingFault) {
        let start = frames.beginFrame()
        var idAt = start
        do throws(EncodingFault) {
            try append(fields, to: &frames, idAt: &idAt)
        } catch {
            frames.cancelFrame(from: start)
            throw error
        }
        frames.endFrame(
            from: start, idAt: idAt, idLength: fields.id?.count, isEvent: fields.data != nil,
            retryMilliseconds: fields.retryMilliseconds)
    }

    @inline(__always)
    private func append(
        _ fields: EventFields, to frames: inout FrameBuffer, idAt: inout Int
    ) throws(EncodingFault) {
        let length = frames.count
        var room = maximumEventBytes
        if let type = fields.type {
            try take(type, from: &room)
            try FieldLines.writeLine(.event, type, of: .type, to: &frames)
            idAt = frames.count
        }
        if let id = fields.id {
            try take(id, from: &room)
            if id.count > EventID.maximumBytes { throw .idTooLong }
            if isReserved(id) { throw .reservedID }
            try FieldLines.writeLine(.id, id, of: .id, to: &frames)
        }
        if fields.retryMilliseconds >= 0 {
            FieldLines.writeLine(.retry, number: fields.retryMilliseconds, to: &frames)
        }
        if let comment = fields.comment {
            try take(comment, from: &room)
            try FieldLines.writeComment(comment, to: &frames)
        }
        if let data = fields.data {
            try take(data, from: &room)
            try FieldLines.writeData(data, to: &frames)
        }
        if frames.count == length { throw .empty }
        FieldLines.writeBlankLine(to: &frames)
    }

    /// One field after the other, because a sum of absurd lengths could overflow.
    @inline(__always)
    private func take(_ text: UnsafeRawBufferPointer, from room: inout Int) throws(EncodingFault) {
        guard text.count <= room else { throw .tooLong(limit: maximumEventBytes) }
        room &-= text.count
    }

    private func isReserved(_ id: UnsafeRawBufferPointer) -> Bool {
        id.count == EventID.finished.utf8.count && id.elementsEqual(EventID.finished.utf8)
    }
}
