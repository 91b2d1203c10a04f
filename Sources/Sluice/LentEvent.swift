import CSluice

/// The memory that a stream lends to the server for its last event, until its next one.
struct LentEvent {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    /// Gives the memory back.
    mutating func free() {
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    /// Fills in what the server asked for.
    mutating func lend(_ message: MessageEvent, to event: UnsafeMutablePointer<sluice_event>) {
        let needed =
            (message.data?.utf8.count ?? 0) + (message.type?.utf8.count ?? 0) + (message.id?.utf8.count ?? 0)
            + (message.comment?.utf8.count ?? 0)
        if memory.count < max(needed, 1) {
            memory.deallocate()
            memory = .allocate(byteCount: max(64, needed + needed / 2), alignment: 1)
        }
        var used = 0
        (event.pointee.data, event.pointee.data_length) = copy(message.data, at: &used)
        (event.pointee.type, event.pointee.type_length) = copy(message.type, at: &used)
        (event.pointee.id, event.pointee.id_length) = copy(message.id, at: &used)
        (event.pointee.comment, event.pointee.comment_length) = copy(message.comment, at: &used)
        if let retry = message.retry { event.pointee.retry_ms = max(0, retry.milliseconds) }
    }

    private func copy(_ text: String?, at used: inout Int) -> (UnsafePointer<CChar>?, Int) {
        guard var text else { return (nil, 0) }
        let place = UnsafeMutableRawBufferPointer(rebasing: memory[used...])
        let count = text.withUTF8 { bytes in
            place.copyBytes(from: bytes)
            return bytes.count
        }
        used += count
        // An empty text at the end of the memory has an address, too.
        return (UnsafePointer(place.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)), count)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that nobody comes too early; as many as fit.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let rest = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        let (sum, isOver) = product.addingReportingOverflow(rest)
        return isOver ? .max : sum
    }

    /// Whole nanoseconds, rounded up; as many as fit.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, isOver) = product.addingReportingOverflow((attoseconds + 999_999_999) / 1_000_000_000)
        return isOver ? .max : sum
    }
}
