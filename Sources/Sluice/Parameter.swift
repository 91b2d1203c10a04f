/// A value from the request: from a placeholder of the route, or from the query.
///
///     @Parameter var symbol: String                  // required
///     @Parameter(min: 0.001, max: 86_400) var interval = 1.0      // ?interval=0.5
///     @Parameter("max_tokens") var limit = 256       // has another name than the property
///     @Parameter var note: String?                   // may be left out
///
/// Names, types, bounds and defaults become the signature that the server checks before any code of the plugin runs,
/// and that `sluice inspect` shows. A value that is missing or invalid is answered with 400 and a text that says what
/// was expected. A plugin whose signature contradicts itself, for example with a default outside its bounds, is refused
/// when it is loaded.
@propertyWrapper
public struct Parameter<Value: ParameterValue> {
    public let wrappedValue: Value

    private init(name: String?, default value: Value?, range: String?) {
        // Made while a producer is, one after the other in the order of the declarations: that is how each finds its
        // value.
        wrappedValue =
            ParameterBinding.current?.next(name: name, default: value, range: range) ?? value ?? Value.placeholder
    }

    /// A parameter with a default.
    public init(wrappedValue: Value, _ name: String? = nil) {
        self.init(name: name, default: wrappedValue, range: nil)
    }

    /// A required parameter, or an optional one if its type is optional.
    public init() {
        self.init(name: nil, default: nil, range: nil)
    }

    /// A required parameter, or an optional one if its type is optional.
    public init(_ name: String) {
        self.init(name: name, default: nil, range: nil)
    }
}

extension Parameter where Value: ParameterNumber {
    /// A parameter with a default and bounds, both inclusive.
    public init(wrappedValue: Value, _ name: String? = nil, min: Value? = nil, max: Value? = nil) {
        self.init(name: name, default: wrappedValue, range: Self.range(min, max))
    }

    /// A required parameter with bounds.
    public init(_ name: String? = nil, min: Value?, max: Value? = nil) {
        self.init(name: name, default: nil, range: Self.range(min, max))
    }

    /// A required parameter with an upper bound.
    public init(_ name: String? = nil, max: Value?) {
        self.init(name: name, default: nil, range: Self.range(nil, max))
    }

    /// As a signature spells it.
    private static func range(_ min: Value?, _ max: Value?) -> String? {
        guard min != nil || max != nil else { return nil }
        return (min?.signatureDefault ?? "") + "..." + (max?.signatureDefault ?? "")
    }
}

extension Parameter: Sendable where Value: Sendable {}

/// Something that finds the parameters of a producer among its properties.
protocol AnyParameter {}
extension Parameter: AnyParameter {}

/// A type that a parameter can have: those of a signature (`Bool`, integers, `Float`, `Double`, `String`), `String?`,
/// and enumerations of strings.
public protocol ParameterValue {
    /// How a signature spells the type: `i64`, `str?`.
    static var signatureType: String { get }
    /// The value of the property while a producer's declaration is only read.
    static var placeholder: Self { get }
    /// Reads what the server has checked.
    /// - Parameter text: `nil` if the request leaves out an optional parameter.
    /// - Throws: `InvalidParameter` if it is not one of the type's values.
    init(parameterText text: String?) throws(InvalidParameter)
    /// The value as a signature writes a default or a bound; `nil` if the type can have none.
    var signatureDefault: String? { get }
    /// What a value must be, for the answer to an invalid one.
    static var expectation: String { get }
}

/// A value that may have bounds: its `signatureType` is a number. Integers, `Float` and `Double` conform.
public protocol ParameterNumber: ParameterValue {}

/// A request's text is not a value of the parameter's type; it is answered with 400 and the type's `expectation`.
public struct InvalidParameter: Error, Sendable {
    public init() {}
}

extension ParameterValue {
    public static var expectation: String { "a value of type \(signatureType)" }
}

extension ParameterValue where Self: LosslessStringConvertible {
    public init(parameterText text: String?) throws(InvalidParameter) {
        guard let text, let value = Self(text) else { throw InvalidParameter() }
        self = value
    }
    public var signatureDefault: String? { description }
}

extension Bool: ParameterValue {
    public static var signatureType: String { "bool" }
    public static var placeholder: Bool { false }
    public init(parameterText text: String?) throws(InvalidParameter) {
        guard let text else { throw InvalidParameter() }
        self = text == "true" || text == "1"
    }
}

extension Int: ParameterNumber {
    public static var signatureType: String { "i64" }
    public static var placeholder: Int { 0 }
}

extension Int32: ParameterNumber {
    public static var signatureType: String { "i32" }
    public static var placeholder: Int32 { 0 }
}

extension Int64: ParameterNumber {
    public static var signatureType: String { "i64" }
    public static var placeholder: Int64 { 0 }
}

extension UInt: ParameterNumber {
    public static var signatureType: String { "u64" }
    public static var placeholder: UInt { 0 }
}

extension UInt32: ParameterNumber {
    public static var signatureType: String { "u32" }
    public static var placeholder: UInt32 { 0 }
}

extension UInt64: ParameterNumber {
    public static var signatureType: String { "u64" }
    public static var placeholder: UInt64 { 0 }
}

extension Float: ParameterNumber {
    public static var signatureType: String { "f32" }
    public static var placeholder: Float { 0 }
}

extension Double: ParameterNumber {
    public static var signatureType: String { "f64" }
    public static var placeholder: Double { 0 }
}

extension String: ParameterValue {
    public static var signatureType: String { "str" }
    public static var placeholder: String { "" }
    public init(parameterText text: String?) throws(InvalidParameter) {
        guard let text else { throw InvalidParameter() }
        self = text
    }
    public var signatureDefault: String? { quotedForSignature(self) }
}

extension Optional: ParameterValue where Wrapped == String {
    public static var signatureType: String { "str?" }
    public static var placeholder: String? { nil }
    public init(parameterText text: String?) { self = text }
    public var signatureDefault: String? { nil }
}

/// An enumeration of strings: `enum Side: String, CaseIterable, ParameterValue { case buy, sell }`.
extension ParameterValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    public static var signatureType: String { "str" }
    public static var placeholder: Self {
        guard let first = allCases.first else { preconditionFailure("\(Self.self) has no cases") }
        return first
    }
    public init(parameterText text: String?) throws(InvalidParameter) {
        guard let text, let value = Self(rawValue: text) else { throw InvalidParameter() }
        self = value
    }
    public var signatureDefault: String? { quotedForSignature(rawValue) }
    public static var expectation: String { "one of \(allCases.map(\.rawValue).joined(separator: ", "))" }
}

/// A text as a signature's default spells it.
private func quotedForSignature(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\t": quoted += "\\t"
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
