extension EventEncoder {
    /// Appends one frame whose texts are written straight into it, for a caller that has them in pieces. What the
    /// closures append must not contain a line end, a NUL, or ill-formed UTF-8: `OneLineText` and `JSONLine` write such
    /// text.
    /// - Parameters:
    ///   - type: appends the type, or returns `false` for none.
    ///   - id: likewise. An id that is the host's own, or too long to be sent back, is left out.
    ///   - data: appends the one line of data.
    /// - Throws: `tooLong`; `frames` is then unchanged.
    package func encode(
        type: (inout FrameBuffer) -> Bool, id: (inout FrameBuffer) -> Bool, data: (inout FrameBuffer) -> Void,
        into frames: inout FrameBuffer
    ) throws(EncodingFault) {
        let start = frames.beginFrame()
        let typeLength = FieldLines.writeLine(.event, to: &frames, type) ?? 0
        let idAt = frames.count
        var idLength = FieldLines.writeLine(.id, to: &frames, id)
        if let length = idLength,
            length > EventID.maximumBytes
                || isReserved(frames.bytes[(frames.count - 1 - length)..<(frames.count - 1)])
        {
            frames.truncate(to: idAt)
            idLength = nil
        }
        let dataLength = FieldLines.writeLine(.data, to: &frames) { frames in
            data(&frames)
            return true
        }
        guard typeLength + (idLength ?? 0) + (dataLength ?? 0) <= maximumEventBytes else {
            frames.cancelFrame(from: start)
            throw .tooLong(limit: maximumEventBytes)
        }
        FieldLines.writeBlankLine(to: &frames)
        frames.endFrame(from: start, idAt: idAt, idLength: idLength, isEvent: true, retryMilliseconds: -1)
    }

    private func isReserved(_ id: Slice<UnsafeRawBufferPointer>) -> Bool {
        id.count == EventID.finished.utf8.count && id.elementsEqual(EventID.finished.utf8)
    }
}
