/// A value that is passed to C, or comes from there.
package enum Value: Sendable, Equatable {
    case bool(Bool)
    case i8(Int8)
    case i16(Int16)
    case i32(Int32)
    case i64(Int64)
    case u8(UInt8)
    case u16(UInt16)
    case u32(UInt32)
    case u64(UInt64)
    case f32(Float)
    case f64(Double)
    /// `nil` for NULL: an optional text that is absent.
    case str(String?)
    /// The address; 0 for NULL.
    case ptr(UInt)
}

extension Value {
    package var type: ValueType {
        switch self {
        case .bool: .bool
        case .i8: .i8
        case .i16: .i16
        case .i32: .i32
        case .i64: .i64
        case .u8: .u8
        case .u16: .u16
        case .u32: .u32
        case .u64: .u64
        case .f32: .f32
        case .f64: .f64
        case .str: .str
        case .ptr: .ptr
        }
    }

    /// The only spelling of the value, which `ValueType.parse` reads back as the same value: "true", "-7", "1.0". `nil`
    /// for a text that is absent. The spelling of an address, "0x7f01", is for people.
    package var text: String? {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .i8(let value): String(value)
        case .i16(let value): String(value)
        case .i32(let value): String(value)
        case .i64(let value): String(value)
        case .u8(let value): String(value)
        case .u16(let value): String(value)
        case .u32(let value): String(value)
        case .u64(let value): String(value)
        case .f32(let value): value.description
        case .f64(let value): value.description
        case .str(let value): value
        case .ptr(let value): "0x" + String(value, radix: 16)
        }
    }
}
