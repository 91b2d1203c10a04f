extension EventEncoder {
    /// Appends one frame whose texts are written straight into it, by one who has them in pieces. Nothing that they append may
    /// hold a line end, a NUL, or ill-formed UTF-8: see `FrameBuffer.appendOneLine` and `appendJSON`.
    /// - Parameters:
    ///   - type: appends the type, or answers `false` for none.
    ///   - id: likewise. An id that is the host's own, or too long to come back, is left out.
    ///   - data: appends the one line of data.
    /// - Throws: `tooLong`; `frames` then holds what it held before.
    package func encode(
        type: (inout FrameBuffer) -> Bool, id: (inout FrameBuffer) -> Bool, data: (inout FrameBuffer) -> Void,
        into frames: inout FrameBuffer
    ) throws(EncodingFault) {
        let start = frames.beginFrame()
        let typeLength = frames.appendLine(.event, type) ?? 0
        let idAt = frames.count
        var idLength = frames.appendLine(.id, id)
        if let length = idLength,
            length > EventID.maximumBytes
                || isReserved(frames.bytes[(frames.count - 1 - length)..<(frames.count - 1)])
        {
            frames.truncate(to: idAt)
            idLength = nil
        }
        let dataLength = frames.appendLine(.data) { frames in
            data(&frames)
            return true
        }
        guard typeLength + (idLength ?? 0) + (dataLength ?? 0) <= maximumEventBytes else {
            frames.cancelFrame(from: start)
            throw .tooLong(limit: maximumEventBytes)
        }
        frames.appendBlankLine()
        frames.endFrame(from: start, idAt: idAt, idLength: idLength, isEvent: true, retry: -1)
    }

    private func isReserved(_ id: Slice<UnsafeRawBufferPointer>) -> Bool {
        id.count == EventID.finished.utf8.count && id.elementsEqual(EventID.finished.utf8)
    }
}

extension FrameBuffer {
    /// A line whose text `write` appends; none if it answers `false`.
    /// - Returns: the length of the text.
    fileprivate mutating func appendLine(_ start: LineStart, _ write: (inout FrameBuffer) -> Bool) -> Int? {
        let before = count
        let lineStart = start.store(at: reserve(8))
        commit(lineStart)
        guard write(&self) else {
            truncate(to: before)
            return nil
        }
        let length = count - before - lineStart
        appendByte(0x0A)
        return length
    }
}
