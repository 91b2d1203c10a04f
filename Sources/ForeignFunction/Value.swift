/// The value of a parameter.
package enum Value: Sendable, Equatable {
    case bool(Bool)
    case i32(Int32)
    case i64(Int64)
    case u32(UInt32)
    case u64(UInt64)
    case f32(Float)
    case f64(Double)
    /// `nil` for an optional text that is absent.
    case str(String?)
}

extension Value {
    package var type: ValueType {
        switch self {
        case .bool: .bool
        case .i32: .i32
        case .i64: .i64
        case .u32: .u32
        case .u64: .u64
        case .f32: .f32
        case .f64: .f64
        case .str: .str
        }
    }

    /// The one spelling of the value, which `ValueType.parse` reads back as the same value: "true", "-7", "1.0". `nil` for a text
    /// that is absent.
    package var text: String? {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .i32(let value): String(value)
        case .i64(let value): String(value)
        case .u32(let value): String(value)
        case .u64(let value): String(value)
        case .f32(let value): value.description
        case .f64(let value): value.description
        case .str(let value): value
        }
    }
}
