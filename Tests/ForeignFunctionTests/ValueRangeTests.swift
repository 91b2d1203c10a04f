import ForeignFunction
import Testing

@Suite("Ranges of values")
struct ValueRangeTests {
    private func parameter(_ type: String) throws -> Signature.Parameter {
        try #require(Signature(parsing: "a: \(type)").parameters.first)
    }

    @Test(
        "the bounds belong to what is allowed, and what is just beyond them does not",
        arguments: [
            ("i32 in -5...-1", ["-5", "-3", "-1"], ["-6", "0", "x"]),
            ("i64 in 1...", ["1", "9223372036854775807"], ["0", "-1"]),
            ("u64 in ...10", ["0", "10"], ["11", "18446744073709551615"]),
            ("u32 in 7...7", ["7"], ["6", "8"]),
            ("f32 in 0.1...1", ["0.1", "1", "0.5"], ["0.09999999", "1.0000001", "0"]),
            (
                "f64 in 0.001...86400", ["0.001", "86400", "1e3"],
                ["0.00099999999999999", "86400.00000000001", "1e300"]
            ),
            ("f64 in ...0", ["0", "-0", "-1.7e308"], ["5e-324", "nan", "-inf"]),
            ("f64 in 0...", ["-0", "1.7e308"], ["-5e-324", "inf"]),
            ("f64", ["1"], ["nan"]),
        ])
    func bounds(type: String, inside: [String], outside: [String]) throws {
        let parameter = try parameter(type)
        for text in inside { #expect(parameter.parse(text) != nil, "\(text)") }
        for text in outside { #expect(parameter.parse(text) == nil, "\(text)") }
    }

    @Test("NaN, and a value of another type, are in no range")
    func strangers() throws {
        for type in ["f64 in ...1", "f64 in 0...", "f64 in 0...1"] {
            let range = try #require(parameter(type).range)
            #expect(!range.contains(.f64(.nan)))
            #expect(!range.contains(.f32(0.5)) && !range.contains(.str("0.5")))
        }
    }

    @Test(
        "messages name the bounds, and those that a whole number has anyway",
        arguments: [
            ("f64 in 0.001...86400", "a number from 0.001 to 86400"), ("f32 in 0.5...", "a number of at least 0.5"),
            ("f64 in ...-1e300", "a number of at most -1e+300"), ("f64", "a number"),
            ("i32 in 1...10", "a whole number from 1 to 10"), ("i32 in 1...", "a whole number from 1 to 2147483647"),
            ("u32 in ...10", "a whole number from 0 to 10"), ("str", "text"),
        ])
    func expectations(type: String, text: String) throws {
        #expect(try parameter(type).expectation == text)
    }

    @Test("the neighbours of a number are the next ones of its type; there is none beyond the last")
    func neighbours() {
        #expect(Value.i32(-1).neighbour(above: true) == .i32(0) && Value.u32(0).neighbour(above: false) == nil)
        #expect(Value.f64(0).neighbour(above: true) == .f64(.leastNonzeroMagnitude))
        #expect(Value.f32(.greatestFiniteMagnitude).neighbour(above: true) == nil)
        for type in ValueType.allCases {
            guard let (least, greatest) = type.wholeBounds else { continue }
            #expect(least.neighbour(above: false) == nil && greatest.neighbour(above: true) == nil)
            #expect(least.neighbour(above: true)?.neighbour(above: false) == least)
        }
        #expect(Value.str("a").neighbour(above: true) == nil && Value.bool(false).neighbour(above: true) == nil)
    }
}
