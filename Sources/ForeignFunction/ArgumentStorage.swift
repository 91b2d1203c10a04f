/// The values of one call as C needs them: a slot for each, followed by the NUL-terminated bytes of every text.
///
/// The memory is freed with the object. If a C function keeps a text beyond its call, the object must be kept as long.
///
/// `@unchecked Sendable`: only `init` writes it; afterwards it is only read, and the last owner frees it.
package final class ArgumentStorage: @unchecked Sendable {
    package let types: [ValueType]
    private let memory: UnsafeMutableRawPointer

    /// Every type fits into one of these, and is aligned there.
    private static let slotBytes = 8

    /// - Parameter values: in the order of the C parameters. For C, a text ends at its first NUL; `ValueType.parse`
    ///   returns none that has one.
    package init(values: [Value]) {
        types = values.map(\.type)
        var size = values.count * Self.slotBytes
        for case .str(let text?) in values { size += text.utf8.count + 1 }
        memory = .allocate(byteCount: size, alignment: Self.slotBytes)

        var text = memory + values.count * Self.slotBytes
        for (index, value) in values.enumerated() {
            let slot = memory + index * Self.slotBytes
            switch value {
            case .bool(let value): slot.storeBytes(of: value ? 1 : 0, as: UInt8.self)
            case .i8(let value): slot.storeBytes(of: value, as: Int8.self)
            case .i16(let value): slot.storeBytes(of: value, as: Int16.self)
            case .i32(let value): slot.storeBytes(of: value, as: Int32.self)
            case .i64(let value): slot.storeBytes(of: value, as: Int64.self)
            case .u8(let value): slot.storeBytes(of: value, as: UInt8.self)
            case .u16(let value): slot.storeBytes(of: value, as: UInt16.self)
            case .u32(let value): slot.storeBytes(of: value, as: UInt32.self)
            case .u64(let value): slot.storeBytes(of: value, as: UInt64.self)
            case .f32(let value): slot.storeBytes(of: value, as: Float.self)
            case .f64(let value): slot.storeBytes(of: value, as: Double.self)
            case .ptr(let value): slot.storeBytes(of: value, as: UInt.self)
            case .str(nil): slot.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
            case .str(let value?):
                slot.storeBytes(of: text, as: UnsafeMutableRawPointer?.self)
                for byte in value.utf8 {
                    text.storeBytes(of: byte, as: UInt8.self)
                    text += 1
                }
                text.storeBytes(of: 0, as: UInt8.self)
                text += 1
            }
        }
    }

    deinit { memory.deallocate() }

    /// The address of the value with this index; valid as long as the object.
    func slot(_ index: Int) -> UnsafeMutableRawPointer {
        memory + index * Self.slotBytes
    }
}
