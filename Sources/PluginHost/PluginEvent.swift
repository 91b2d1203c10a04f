import CSluice
import EventStream
import Glibc

/// Why an event of a plugin cannot be sent.
enum EventFault: Error, Equatable, CustomStringConvertible {
    case encoding(EncodingFault)
    /// Below -1.
    case retry(Int64)

    var description: String {
        switch self {
        case .encoding(let fault): "\(fault)"
        case .retry(let milliseconds): "retry_ms is \(milliseconds), which is below -1"
        }
    }
}

extension sluice_event {
    /// As `sluice_event_init` leaves it: nothing set.
    @inline(__always)
    static var reset: sluice_event {
        sluice_event(
            struct_size: UInt32(MemoryLayout<sluice_event>.size), reserved: 0,
            data: nil, data_length: lengthOfCString, type: nil, type_length: lengthOfCString,
            id: nil, id_length: lengthOfCString, comment: nil, comment_length: lengthOfCString,
            retry_ms: -1, wait_ms: -1)
    }

    /// SLUICE_CSTR, as Swift sees a `size_t`.
    static var lengthOfCString: Int { -1 }
}

extension EventEncoder {
    /// Appends the frame of a plugin's event, whose bytes are read here and nowhere else.
    /// - Throws: the rule that it breaks; `frames` is then unchanged.
    @inline(__always)
    func encode(_ event: sluice_event, into frames: inout FrameBuffer) throws(EventFault) {
        guard event.retry_ms >= -1 else { throw .retry(event.retry_ms) }
        var fields = EventFields()
        fields.data = bytes(event.data, event.data_length)
        fields.type = bytes(event.type, event.type_length)
        fields.id = bytes(event.id, event.id_length)
        fields.comment = bytes(event.comment, event.comment_length)
        fields.retryMilliseconds = event.retry_ms
        do throws(EncodingFault) {
            try encode(fields, into: &frames)
        } catch {
            throw .encoding(error)
        }
    }

    /// The bytes of one field. A field that is longer than an event may be gets a length just over the limit, which the
    /// encoder rejects before it reads a byte.
    @inline(__always)
    private func bytes(_ start: UnsafePointer<CChar>?, _ length: Int) -> UnsafeRawBufferPointer? {
        guard let start else { return nil }
        let limit = maximumEventBytes &+ 1
        let count = length == sluice_event.lengthOfCString ? strnlen(start, limit) : length
        // A size_t beyond Int.max is negative here.
        return UnsafeRawBufferPointer(start: start, count: count < 0 ? limit : count)
    }
}
