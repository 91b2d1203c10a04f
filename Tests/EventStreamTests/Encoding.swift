@testable import EventStream

/// One event's frame, or the fault.
func encode(
    _ event: Event, with encoder: EventEncoder = EventEncoder()
) throws(EncodingFault) -> [UInt8] {
    var frames = FrameBuffer(capacity: 1)
    try encoder.encode(event, into: &frames)
    return Array(frames.bytes)
}

/// The same with bytes in one field that need not be UTF-8.
func encode(
    _ bytes: [UInt8], as field: EncodingFault.Field, with encoder: EventEncoder = EventEncoder()
) throws(EncodingFault) -> [UInt8] {
    var frames = FrameBuffer(capacity: 1)
    // A heap copy of exactly this length, so that a sanitizer detects reads beyond it.
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { text.deallocate() }
    text.copyBytes(from: bytes)
    var fields = EventFields()
    switch field {
    case .data: fields.data = UnsafeRawBufferPointer(text)
    case .type: fields.type = UnsafeRawBufferPointer(text)
    case .id: fields.id = UnsafeRawBufferPointer(text)
    case .comment: fields.comment = UnsafeRawBufferPointer(text)
    }
    try encoder.encode(fields, into: &frames)
    return Array(frames.bytes)
}

func frame(_ build: (inout FrameBuffer) -> Void) -> [UInt8] {
    var frames = FrameBuffer(capacity: 1)
    build(&frames)
    return Array(frames.bytes)
}
