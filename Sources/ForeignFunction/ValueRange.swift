/// The values from a least to a greatest, both included; if one is missing, the type is the limit. No range contains
/// NaN.
package struct ValueRange: Sendable, Equatable {
    /// Of the parameter's type, which is a number; at most one of the two is `nil`.
    package let least: Value?
    package let greatest: Value?

    package func contains(_ value: Value) -> Bool {
        (least?.isAtMost(value) ?? true) && (greatest.map(value.isAtMost) ?? true) && value.isAtMost(value)
    }

    /// The values in it, as a noun for messages.
    var expectation: String {
        // A whole number's type has bounds of its own.
        let bounds = (least ?? greatest)?.type.wholeBounds
        let noun = bounds == nil ? "a number" : "a whole number"
        return switch (least ?? bounds?.least, greatest ?? bounds?.greatest) {
        case (let least?, let greatest?): "\(noun) from \(Self.text(of: least)) to \(Self.text(of: greatest))"
        case (let least?, nil): "\(noun) of at least \(Self.text(of: least))"
        case (nil, let greatest?): "\(noun) of at most \(Self.text(of: greatest))"
        case (nil, nil): noun
        }
    }

    /// "86400" for 86400.0, which reads as the same value.
    package static func text(of bound: Value) -> String {
        let text = bound.text ?? ""
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}

extension ValueRange: CustomStringConvertible {
    /// As in a signature: "0.001...86400", "1...", "...10".
    package var description: String {
        (least.map(Self.text) ?? "") + "..." + (greatest.map(Self.text) ?? "")
    }
}

extension Value {
    /// `<=` of two numbers of one type; `false` for everything else, and for NaN.
    func isAtMost(_ other: Value) -> Bool {
        switch (self, other) {
        case (.i8(let value), .i8(let other)): value <= other
        case (.i16(let value), .i16(let other)): value <= other
        case (.i32(let value), .i32(let other)): value <= other
        case (.i64(let value), .i64(let other)): value <= other
        case (.u8(let value), .u8(let other)): value <= other
        case (.u16(let value), .u16(let other)): value <= other
        case (.u32(let value), .u32(let other)): value <= other
        case (.u64(let value), .u64(let other)): value <= other
        case (.f32(let value), .f32(let other)): value <= other
        case (.f64(let value), .f64(let other)): value <= other
        default: false
        }
    }

    /// The next number of the same type above or below it; `nil` if there is none, and for values that are not numbers.
    package func neighbour(above: Bool) -> Value? {
        func whole<Whole: FixedWidthInteger>(_ value: Whole) -> Whole? {
            let (next, isOver) = above ? value.addingReportingOverflow(1) : value.subtractingReportingOverflow(1)
            return isOver ? nil : next
        }
        func real<Real: BinaryFloatingPoint>(_ value: Real) -> Real? {
            let next = above ? value.nextUp : value.nextDown
            return next.isFinite ? next : nil
        }
        return switch self {
        case .i8(let value): whole(value).map(Value.i8)
        case .i16(let value): whole(value).map(Value.i16)
        case .i32(let value): whole(value).map(Value.i32)
        case .i64(let value): whole(value).map(Value.i64)
        case .u8(let value): whole(value).map(Value.u8)
        case .u16(let value): whole(value).map(Value.u16)
        case .u32(let value): whole(value).map(Value.u32)
        case .u64(let value): whole(value).map(Value.u64)
        case .f32(let value): real(value).map(Value.f32)
        case .f64(let value): real(value).map(Value.f64)
        case .bool, .str, .ptr: nil
        }
    }
}
