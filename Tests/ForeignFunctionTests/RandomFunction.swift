import ForeignFunction
import TestSupport

/// A C function of a random signature, as source and as values.
struct RandomFunction {
    let name: String
    let values: [Value]
    /// `nil` for `void`.
    let result: Value?

    init(_ name: String, _ random: inout SeededRandom) {
        self.name = name
        values = (0..<Int.random(in: 0...26, using: &random)).map { _ in Self.value(&random) }
        result = Int.random(in: 0..<8, using: &random) == 0 ? nil : Self.result(&random)
    }

    private var types: [String] { values.map(\.type.cName) }
    private var cResult: String { result?.type.cName ?? "void" }
    private var declarations: String { values.indices.map { "\(types[$0]) p\($0)" }.joined(separator: ", ") }

    /// `R name(P1 p1, …)` prints its arguments and returns the result. `void call_name(void *code, P1 p1, …)` calls
    /// that code, which has the same type, with its arguments, and prints the result.
    var source: String {
        let list = values.isEmpty ? "void" : types.joined(separator: ", ")
        let call = "((\(cResult) (*)(\(list)))code)(\(values.indices.map { "p\($0)" }.joined(separator: ", ")))"
        let print = result.map { "\(cResult) r = \(call); \(Self.printing("r", $0.type))" } ?? "\(call);"
        return """
            \(cResult) \(name)(\(values.isEmpty ? "void" : declarations))
            {
                \(values.indices.map { Self.printing("p\($0)", values[$0].type) }.joined(separator: "\n    "))
                \(result.map { "return \($0.cLiteral);" } ?? "")
            }
            void call_\(name)(\(values.isEmpty ? "void *code" : "void *code, " + declarations)) { \(print) }
            """
    }

    /// Code to compile before the source: `take` returns what was printed since the last call.
    static let preamble = """
        #include <inttypes.h>
        #include <stdarg.h>
        #include <stdbool.h>
        #include <stdio.h>
        #include <string.h>
        static char output[65536];
        static size_t length;
        static void print(const char *format, ...)
        {
            va_list list;
            va_start(list, format);
            length += (size_t)vsnprintf(output + length, sizeof output - length, format, list);
            va_end(list);
        }
        const char *take(void) { output[length] = 0; length = 0; return output; }
        static float float_of(uint32_t bits) { float value; memcpy(&value, &bits, sizeof value); return value; }
        static double double_of(uint64_t bits) { double value; memcpy(&value, &bits, sizeof value); return value; }

        """

    /// Floating-point numbers are printed as their bits, so that nothing is lost.
    private static func printing(_ name: String, _ type: ValueType) -> String {
        switch type {
        case .bool, .i8, .i16, .i32: "print(\"%d \", (int)\(name));"
        case .i64: "print(\"%\" PRId64 \" \", \(name));"
        case .u8, .u16, .u32: "print(\"%u \", (unsigned)\(name));"
        case .u64: "print(\"%\" PRIu64 \" \", \(name));"
        case .f32: "{ uint32_t bits; memcpy(&bits, &\(name), sizeof bits); print(\"%\" PRIu32 \" \", bits); }"
        case .f64: "{ uint64_t bits; memcpy(&bits, &\(name), sizeof bits); print(\"%\" PRIu64 \" \", bits); }"
        case .str: "print(\"%s \", \(name) == NULL ? \"absent\" : \(name));"
        case .ptr: "print(\"%\" PRIuPTR \" \", (uintptr_t)\(name));"
        }
    }

    /// The text that the C function prints for a value.
    static func printed(_ value: Value) -> String {
        switch value {
        case .bool(let value): value ? "1 " : "0 "
        case .f32(let value): "\(value.bitPattern) "
        case .f64(let value): "\(value.bitPattern) "
        case .ptr(let value): "\(value) "
        default: (value.text ?? "absent") + " "
        }
    }

    /// A text that Swift returns to C could only be NULL.
    private static func result(_ random: inout SeededRandom) -> Value {
        let value = value(&random)
        return value.type == .str ? .str(nil) : value
    }

    private static func value(_ random: inout SeededRandom) -> Value {
        func whole<Whole: FixedWidthInteger>(_ type: Whole.Type) -> Whole {
            [.min, 0 &- 1, 0, .max, .random(in: .min ... .max, using: &random)].randomElement(using: &random) ?? 0
        }
        switch ValueType.allCases.randomElement(using: &random) ?? .bool {
        case .bool: return .bool(.random(using: &random))
        case .i8: return .i8(whole(Int8.self))
        case .i16: return .i16(whole(Int16.self))
        case .i32: return .i32(whole(Int32.self))
        case .i64: return .i64(whole(Int64.self))
        case .u8: return .u8(whole(UInt8.self))
        case .u16: return .u16(whole(UInt16.self))
        case .u32: return .u32(whole(UInt32.self))
        case .u64: return .u64(whole(UInt64.self))
        case .ptr: return .ptr(whole(UInt.self))
        case .f32:
            let ends: [Float] = [
                -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, -.infinity,
                .random(in: -1...1, using: &random),
            ]
            return .f32(ends.randomElement(using: &random) ?? 0)
        case .f64:
            let ends: [Double] = [
                -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, .infinity,
                .random(in: -1...1, using: &random),
            ]
            return .f64(ends.randomElement(using: &random) ?? 0)
        case .str:
            if Int.random(in: 0..<4, using: &random) == 0 { return .str(nil) }
            let length = Int.random(in: 0..<40, using: &random)
            return .str(String((0..<length).map { _ in "ab %\"\\ü€🙂".randomElement(using: &random) ?? "a" }))
        }
    }
}

extension ValueType {
    fileprivate var cName: String {
        switch self {
        case .bool: "bool"
        case .i8: "int8_t"
        case .i16: "int16_t"
        case .i32: "int32_t"
        case .i64: "int64_t"
        case .u8: "uint8_t"
        case .u16: "uint16_t"
        case .u32: "uint32_t"
        case .u64: "uint64_t"
        case .f32: "float"
        case .f64: "double"
        case .str: "const char *"
        case .ptr: "void *"
        }
    }
}

extension Value {
    /// A C expression. A text can only be NULL.
    fileprivate var cLiteral: String {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .i32(.min): "INT32_MIN"
        case .i64(.min): "INT64_MIN"
        case .i64(let value): "INT64_C(\(value))"
        case .u64(let value): "UINT64_C(\(value))"
        case .f32(let value): "float_of(\(value.bitPattern)u)"
        case .f64(let value): "double_of(UINT64_C(\(value.bitPattern)))"
        case .ptr(let value): "(void *)UINT64_C(\(value))"
        case .str: "NULL"
        default: text ?? ""
        }
    }
}
