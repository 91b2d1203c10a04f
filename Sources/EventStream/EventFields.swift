/// The fields of one event, borrowed: the bytes stay their owner's until its next call, so a value of this type never
/// outlives the call that it was made for.
package struct EventFields {
    /// `nil` means no data line at all; empty means one empty data line.
    package var data: UnsafeRawBufferPointer?
    package var type: UnsafeRawBufferPointer?
    package var id: UnsafeRawBufferPointer?
    package var comment: UnsafeRawBufferPointer?
    /// The reconnection time in milliseconds; negative means none.
    package var retryMilliseconds: Int64 = -1

    package init() {}
}
