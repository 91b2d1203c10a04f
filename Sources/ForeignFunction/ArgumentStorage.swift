/// The values of one call as C wants to find them: a slot each, and the bytes of every text behind them, NUL-terminated.
///
/// The memory is freed with the object, so whoever lets a C function keep a text beyond its call keeps this object for as long.
///
/// `@unchecked Sendable`: written by `init` only; afterwards it is read by whoever holds it, and freed by the last.
package final class ArgumentStorage: @unchecked Sendable {
    package let types: [ValueType]
    private let memory: UnsafeMutableRawPointer

    /// Every type fits, and is aligned, in one of these.
    private static let slotBytes = 8

    /// - Parameter values: in the order of the C parameters. A text ends for C at its first NUL; `ValueType.parse` gives none that has one.
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

    /// Where the value of that index is; valid for as long as the object.
    func slot(_ index: Int) -> UnsafeMutableRawPointer {
        memory + index * Self.slotBytes
    }
}
