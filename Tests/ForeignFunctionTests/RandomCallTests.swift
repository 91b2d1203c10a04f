import ForeignFunction
import TestSupport
import Testing

@Suite("Typed calls of random signatures")
struct RandomCallTests {
    /// A C function that prints its arguments, the values to call it with, and what it should print.
    private struct Candidate {
        let name: String
        let leadingPointers: Int
        let values: [Value]
        let result: Int32

        var source: String {
            let leading = (0..<leadingPointers).map { "void *l\($0)" }
            let typed = values.indices.map { "\(values[$0].type.cName) p\($0)" }
            let parameters = leading + typed
            let lines = (0..<leadingPointers).map { "print(\"%p \", l\($0));" } + values.indices.map(printing)
            return """
                int32_t \(name)(\(parameters.isEmpty ? "void" : parameters.joined(separator: ", ")))
                {
                    \(lines.joined(separator: "\n    "))
                    return \(result == .min ? "INT32_MIN" : String(result));
                }
                """
        }

        /// Floating-point numbers are printed as their bits, so that nothing is lost.
        private func printing(_ index: Int) -> String {
            switch values[index].type {
            case .bool: "print(\"%d \", (int)p\(index));"
            case .i32: "print(\"%\" PRId32 \" \", p\(index));"
            case .i64: "print(\"%\" PRId64 \" \", p\(index));"
            case .u32: "print(\"%\" PRIu32 \" \", p\(index));"
            case .u64: "print(\"%\" PRIu64 \" \", p\(index));"
            case .f32: "{ uint32_t bits; memcpy(&bits, &p\(index), sizeof bits); print(\"%\" PRIu32 \" \", bits); }"
            case .f64: "{ uint64_t bits; memcpy(&bits, &p\(index), sizeof bits); print(\"%\" PRIu64 \" \", bits); }"
            case .str: "print(\"%s \", p\(index) == NULL ? \"absent\" : p\(index));"
            }
        }

        func expected(leading: [UnsafeMutableRawPointer?]) -> String {
            let pointers = leading.map { "0x" + String(UInt(bitPattern: $0), radix: 16) + " " }
            let texts = values.map { value in
                switch value {
                case .bool(let value): value ? "1 " : "0 "
                case .f32(let value): "\(value.bitPattern) "
                case .f64(let value): "\(value.bitPattern) "
                default: (value.text ?? "absent") + " "
                }
            }
            return (pointers + texts).joined()
        }
    }

    @Test("C receives exactly the values given, whatever the signature", .timeLimit(.minutes(2)))
    func randomSignatures() throws {
        var random = SeededRandom.fromEnvironment(test: "random signatures")

        let candidates = (0..<300).map { index in
            Candidate(
                name: "f\(index)", leadingPointers: Int.random(in: 0...3, using: &random),
                values: (0..<Int.random(in: 0...20, using: &random)).map { _ in Self.value(&random) },
                result: [Int32.min, -1, 0, .max, Int32.random(in: .min ... .max, using: &random)]
                    .randomElement(using: &random) ?? 0)
        }
        let library = try CompiledLibrary(
            """
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

            """ + candidates.map(\.source).joined(separator: "\n"))
        let take = unsafeBitCast(
            try library.address(of: "take"), to: (@convention(c) () -> UnsafePointer<CChar>).self)

        for candidate in candidates {
            let call = try TypedCall(
                leadingPointers: candidate.leadingPointers, arguments: candidate.values.map(\.type))
            let leading = (0..<candidate.leadingPointers).map { _ in
                UnsafeMutableRawPointer(bitPattern: UInt.random(in: 1...UInt.max, using: &random))
            }
            let result = call.call(
                try library.address(of: candidate.name), leading: leading,
                arguments: ArgumentStorage(values: candidate.values))
            #expect(
                String(cString: take()) == candidate.expected(leading: leading), "\(candidate.source)")
            #expect(result == candidate.result, "\(candidate.source)")
        }
    }

    private static func value(_ random: inout SeededRandom) -> Value {
        let type = ValueType.allCases.randomElement(using: &random) ?? .bool
        switch type {
        case .bool: return .bool(.random(using: &random))
        case .i32: return .i32([.min, -1, 0, .max, .random(in: .min ... .max, using: &random)][pick(5, &random)])
        case .i64: return .i64([.min, -1, 0, .max, .random(in: .min ... .max, using: &random)][pick(5, &random)])
        case .u32: return .u32([0, .max, .random(in: 0 ... .max, using: &random)][pick(3, &random)])
        case .u64: return .u64([0, .max, .random(in: 0 ... .max, using: &random)][pick(3, &random)])
        case .f32:
            let ends: [Float] = [
                -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, .random(in: -1...1, using: &random),
            ]
            return .f32(ends[pick(4, &random)])
        case .f64:
            let ends: [Double] = [
                -0.0, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, .random(in: -1...1, using: &random),
            ]
            return .f64(ends[pick(4, &random)])
        case .str:
            if pick(4, &random) == 0 { return .str(nil) }
            return .str(String((0..<pick(40, &random)).map { _ in "ab %\"\\ü€🙂".randomElement(using: &random) ?? "a" }))
        }
    }

    private static func pick(_ count: Int, _ random: inout SeededRandom) -> Int {
        Int.random(in: 0..<count, using: &random)
    }
}

extension ValueType {
    fileprivate var cName: String {
        switch self {
        case .bool: "bool"
        case .i32: "int32_t"
        case .i64: "int64_t"
        case .u32: "uint32_t"
        case .u64: "uint64_t"
        case .f32: "float"
        case .f64: "double"
        case .str: "const char *"
        }
    }
}
