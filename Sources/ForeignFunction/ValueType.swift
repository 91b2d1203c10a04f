/// The types of values that pass between the host and C; the raw values are their names in signatures.
package enum ValueType: String, Sendable, CaseIterable {
    case bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64
    /// `const char *`, NUL-terminated or NULL.
    case str
    /// Any other pointer.
    case ptr
}

extension ValueType {
    /// A request can contain a value of this type, so a producer's parameter can have it.
    package var isParameter: Bool {
        switch self {
        case .bool, .i32, .i64, .u32, .u64, .f32, .f64, .str: true
        case .i8, .i16, .u8, .u16, .ptr: false
        }
    }

    /// Its values have an order, so a parameter of this type can have a range.
    package var isNumber: Bool {
        switch self {
        case .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .f32, .f64: true
        case .bool, .str, .ptr: false
        }
    }

    /// The least and the greatest whole number of this type; `nil` for other types.
    package var wholeBounds: (least: Value, greatest: Value)? {
        switch self {
        case .i8: (.i8(.min), .i8(.max))
        case .i16: (.i16(.min), .i16(.max))
        case .i32: (.i32(.min), .i32(.max))
        case .i64: (.i64(.min), .i64(.max))
        case .u8: (.u8(.min), .u8(.max))
        case .u16: (.u16(.min), .u16(.max))
        case .u32: (.u32(.min), .u32(.max))
        case .u64: (.u64(.min), .u64(.max))
        case .f32, .f64, .bool, .str, .ptr: nil
        }
    }

    /// Parses a value: the whole text, nothing around it, within the type's range.
    ///
    /// `bool` is `true`, `false`, `1` or `0`. Whole numbers are decimal digits after an optional sign. Numbers are
    /// decimal with an optional fraction and exponent, and finite: a number that is too small becomes zero; one that is
    /// too large is rejected, and so are hexadecimal numbers, infinities and NaN. `str` is any text that C can hold,
    /// that is, without NUL. A `ptr` is never parsed.
    package func parse(_ text: String) -> Value? {
        switch self {
        case .bool: Self.boolean(text).map(Value.bool)
        case .i8: Self.whole(text).map(Value.i8)
        case .i16: Self.whole(text).map(Value.i16)
        case .i32: Self.whole(text).map(Value.i32)
        case .i64: Self.whole(text).map(Value.i64)
        case .u8: Self.whole(text).map(Value.u8)
        case .u16: Self.whole(text).map(Value.u16)
        case .u32: Self.whole(text).map(Value.u32)
        case .u64: Self.whole(text).map(Value.u64)
        case .f32: Self.number(text).map(Value.f32)
        case .f64: Self.number(text).map(Value.f64)
        case .str: text.utf8.contains(0) ? nil : .str(text)
        case .ptr: nil
        }
    }

    /// What `parse` accepts, as a noun for messages.
    package var expectation: String {
        switch self {
        case .bool: "true or false"
        case .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64:
            ValueRange(least: wholeBounds?.least, greatest: nil).expectation
        case .f32, .f64: "a number"
        case .str: "text"
        case .ptr: "an address"
        }
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text {
        case "true", "1": true
        case "false", "0": false
        default: nil
        }
    }

    private static func whole<Whole: FixedWidthInteger>(_ text: String) -> Whole? {
        Whole(text, radix: 10)
    }

    /// The standard library's initializers also accept hexadecimal numbers, "nan" and "inf", so the form is checked
    /// first.
    private static func number<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ text: String) -> Number? {
        guard isDecimal(text.utf8), let number = Number(text), number.isFinite else { return nil }
        return number
    }

    /// `[+-] digits [. digits] [e [+-] digits]`, with digits on at least one side of the point.
    private static func isDecimal(_ text: String.UTF8View) -> Bool {
        var rest = text[...]
        func skipSign() {
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        }
        func skipDigits() -> Int {
            let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            rest = rest[digits.endIndex...]
            return digits.count
        }
        skipSign()
        var digits = skipDigits()
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            digits += skipDigits()
        }
        guard digits > 0 else { return false }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            skipSign()
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
