/// The fields of one event, borrowed: the bytes are valid until their owner's next call, so a value of this type never
/// outlives the call that it was made for.
///
/// One is made for each event, in another module: so it can be inlined there, and contains plain words (optional
/// buffers are copied byte by byte). Without `@usableFromInline` on the type, nothing of it is inlined elsewhere.
@usableFromInline package struct EventFields {
    /// `nil` means no data line at all; empty means one empty data line.
    @inlinable package var data: UnsafeRawBufferPointer? {
        get { dataText.bytes }
        set { dataText = Text(newValue) }
    }
    @inlinable package var type: UnsafeRawBufferPointer? {
        get { typeText.bytes }
        set { typeText = Text(newValue) }
    }
    @inlinable package var id: UnsafeRawBufferPointer? {
        get { idText.bytes }
        set { idText = Text(newValue) }
    }
    @inlinable package var comment: UnsafeRawBufferPointer? {
        get { commentText.bytes }
        set { commentText = Text(newValue) }
    }
    /// The reconnection time in milliseconds; negative means none.
    @usableFromInline package var retryMilliseconds: Int64

    @usableFromInline var dataText: Text
    @usableFromInline var typeText: Text
    @usableFromInline var idText: Text
    @usableFromInline var commentText: Text

    @inlinable package init() {
        retryMilliseconds = -1
        dataText = Text(nil)
        typeText = Text(nil)
        idText = Text(nil)
        commentText = Text(nil)
    }

    /// A buffer that may be absent; an empty one still has an address.
    @usableFromInline struct Text {
        @usableFromInline var start: UnsafeRawPointer?
        @usableFromInline var count: Int

        @inlinable init(_ bytes: UnsafeRawBufferPointer?) {
            if let bytes {
                start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
                count = bytes.count
            } else {
                start = nil
                count = 0
            }
        }

        @inlinable var bytes: UnsafeRawBufferPointer? {
            if let start { UnsafeRawBufferPointer(start: start, count: count) } else { nil }
        }
    }
}
