import ForeignFunction
import Testing

@Suite("Value types")
struct ValueTypeTests {
    @Test(
        "text that is a value of its type is read, and printed in one spelling",
        arguments: [
            (ValueType.bool, "true", Value.bool(true), "true"), (.bool, "false", .bool(false), "false"),
            (.bool, "1", .bool(true), "true"), (.bool, "0", .bool(false), "false"),
            (.i32, "-2147483648", .i32(.min), "-2147483648"), (.i32, "2147483647", .i32(.max), "2147483647"),
            (.i32, "+7", .i32(7), "7"), (.i32, "007", .i32(7), "7"), (.i32, "-0", .i32(0), "0"),
            (.i64, "-9223372036854775808", .i64(.min), "-9223372036854775808"),
            (.i64, "9223372036854775807", .i64(.max), "9223372036854775807"),
            (.i8, "-128", .i8(.min), "-128"), (.i8, "127", .i8(.max), "127"),
            (.i16, "-32768", .i16(.min), "-32768"), (.i16, "32767", .i16(.max), "32767"),
            (.u8, "255", .u8(.max), "255"), (.u16, "65535", .u16(.max), "65535"),
            (.u32, "0", .u32(0), "0"), (.u32, "4294967295", .u32(.max), "4294967295"), (.u32, "-0", .u32(0), "0"),
            (.u64, "0", .u64(0), "0"), (.u64, "18446744073709551615", .u64(.max), "18446744073709551615"),
            (.f32, "1", .f32(1), "1.0"), (.f32, "3.4028235e38", .f32(.greatestFiniteMagnitude), "3.4028235e+38"),
            (.f32, "1e-60", .f32(0), "0.0"),
            (.f64, "1.0", .f64(1), "1.0"), (.f64, "-0", .f64(-0.0), "-0.0"), (.f64, "+.5", .f64(0.5), "0.5"),
            (.f64, "2.", .f64(2), "2.0"), (.f64, "1E3", .f64(1000), "1000.0"), (.f64, "1e-400", .f64(0), "0.0"),
            (.f64, "1.7976931348623157e308", .f64(.greatestFiniteMagnitude), "1.7976931348623157e+308"),
            (.f64, "5e-324", .f64(.leastNonzeroMagnitude), "5e-324"),
            (.str, "", .str(""), ""), (.str, " a b ", .str(" a b "), " a b "), (.str, "ü\r\n", .str("ü\r\n"), "ü\r\n"),
        ]
    )
    func accepted(type: ValueType, text: String, value: Value, canonical: String) {
        #expect(type.parse(text) == value)
        #expect(type.parse(text)?.type == type)
        #expect(type.parse(text)?.text == canonical)
        #expect(type.parse(canonical) == value)
    }

    @Test(
        "text that is no value of its type is refused",
        arguments: [
            (ValueType.bool, ["", "TRUE", "yes", "2", " true", "true ", "t"]),
            (.i8, ["128", "-129"]), (.i16, ["32768", "-32769"]), (.u8, ["256", "-1"]), (.u16, ["65536", "-1"]),
            (.i32, ["2147483648", "-2147483649"]),
            (.ptr, ["0", "0x1", "NULL"]),
            (.i64, ["9223372036854775808", "-9223372036854775809", "99999999999999999999999999"]),
            (.u32, ["4294967296", "-1"]),
            (.u64, ["18446744073709551616", "-1"]),
            (.f32, ["3.5e38", "-3.5e38"]),
            (.f64, ["1e400", "-1e400", "1.8e308"]),
            (.str, ["\0", "a\0b"]),
        ])
    func refused(type: ValueType, texts: [String]) {
        for text in texts { #expect(type.parse(text) == nil, "\(type): \(text)") }
    }

    @Test(
        "no number is read from anything but decimal digits, whole",
        arguments: [ValueType.i32, .i64, .u32, .u64, .f32, .f64])
    func malformedNumbers(type: ValueType) {
        let malformed = [
            "", " ", "+", "-", " 1", "1 ", "1\n", "\t1", "--1", "+-1", "0x10", "0X1p3", "1_000", "1,5", "nan", "NaN",
            "inf",
            "-infinity", "1e", "1e+", "e5", ".", "-.", "1.2.3", "1a", "١", "1\0", "\0",
        ]
        for text in malformed { #expect(type.parse(text) == nil, "\(type): \(text.debugDescription)") }
    }

    @Test("whole numbers have no fraction", arguments: [ValueType.i32, .i64, .u32, .u64])
    func fractions(type: ValueType) {
        for text in ["1.0", "1e3", ".5"] { #expect(type.parse(text) == nil, "\(type): \(text)") }
    }

    @Test("a parameter has only the types that a request can say")
    func parameters() throws {
        #expect(ValueType.allCases.filter { !$0.isParameter } == [.i8, .i16, .u8, .u16, .ptr])
        for type in ValueType.allCases {
            #expect(((try? Signature(parsing: "a: \(type.rawValue)")) != nil) == type.isParameter)
        }
        #expect(Value.ptr(0x7f01).text == "0x7f01")
    }

    @Test("an absent text has no spelling")
    func absent() {
        #expect(Value.str(nil).text == nil)
        #expect(Value.str(nil).type == .str)
    }

    @Test("messages name what is accepted")
    func expectations() {
        #expect(ValueType.i8.expectation == "a whole number from -128 to 127")
        #expect(ValueType.u16.expectation == "a whole number from 0 to 65535")
        #expect(ValueType.ptr.expectation == "an address")
        #expect(ValueType.i32.expectation == "a whole number from -2147483648 to 2147483647")
        #expect(ValueType.i64.expectation == "a whole number from -9223372036854775808 to 9223372036854775807")
        #expect(ValueType.u32.expectation == "a whole number from 0 to 4294967295")
        #expect(ValueType.u64.expectation == "a whole number from 0 to 18446744073709551615")
        #expect(ValueType.f32.expectation == "a number")
        #expect(ValueType.f64.expectation == "a number")
        #expect(ValueType.bool.expectation == "true or false")
        #expect(ValueType.str.expectation == "text")
    }
}
