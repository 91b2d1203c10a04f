import ForeignFunction
import Testing

@Suite("Signatures")
struct SignatureTests {
    @Test("the parts of each parameter are read")
    func parts() throws {
        let signature = try Signature(
            parsing: "symbol: str, interval: f64 = 1.0, count: i64 = -3, verbose: bool = false, note: str?")
        #expect(signature.parameters.map(\.name) == ["symbol", "interval", "count", "verbose", "note"])
        #expect(signature.parameters.map(\.type) == [.str, .f64, .i64, .bool, .str])
        #expect(signature.parameters.map(\.isOptional) == [false, false, false, false, true])
        #expect(signature.parameters.map(\.defaultValue) == [nil, .f64(1), .i64(-3), .bool(false), nil])
        #expect(signature.parameters.allSatisfy { $0.range == nil })
    }

    @Test(
        "a range is read with its bounds",
        arguments: [
            ("a: f64 in 0.001...86400 = 1.0", .f64(0.001), .f64(86400)),
            ("a: i64 in 1...", .i64(1), nil),
            ("a: u32 in ...10", nil, .u32(10)),
            ("a: i32 in -5...-1", .i32(-5), .i32(-1)),
            ("a: f64 in 0.001...", .f64(0.001), nil),
            ("a: f64 in -1e-3....5=0", .f64(-0.001), .f64(0.5)),
            ("a: f32 in 1e-3...1e3=2,b: str", .f32(1e-3), .f32(1000)),
            ("a: i64 in 7...7 = 7", .i64(7), .i64(7)),
        ] as [(String, Value?, Value?)])
    func ranges(text: String, least: Value?, greatest: Value?) throws {
        let range = try #require(Signature(parsing: text).parameters[0].range)
        #expect(range.least == least && range.greatest == greatest)
    }

    @Test(
        "every spelling prints as its canonical one, which reads as the same signature",
        arguments: [
            ("", ""), ("  \t\n", ""),
            ("a:str", "a: str"), (" a : str ", "a: str"), ("a: str?", "a: str?"),
            ("a:str ,\n  b:i32", "a: str, b: i32"),
            ("_: u32", "_: u32"), ("A9_z: u64=007", "A9_z: u64 = 7"), ("a: f32 = +1e3", "a: f32 = 1000.0"),
            ("a: bool = 1", "a: bool = true"), ("str: str", "str: str"),
            (#"a: str = """#, #"a: str = """#), (#"a: str = "x, y: z = ""#, #"a: str = "x, y: z = ""#),
            (#"a: str = "\"\\\n\t""#, #"a: str = "\"\\\n\t""#), ("a: str = \"\n\tü\"", #"a: str = "\n\tü""#),
            ("a:f64 in 0.0010 ... 86400.0=1", "a: f64 in 0.001...86400 = 1.0"),
            ("a: i32\nin\t1...,b: u64 in ...18446744073709551615", "a: i32 in 1..., b: u64 in ...18446744073709551615"),
            ("a: i64 in ... -1 = -2", "a: i64 in ...-1 = -2"), ("in: f32 in -0... = 1e-3", "in: f32 in -0... = 0.001"),
            ("a: f64 in 1e-5...1e300", "a: f64 in 1e-05...1e+300"),
            (#"a: str = "x" , b: i32"#, #"a: str = "x", b: i32"#), ("a: str = \"\r\n\"", "a: str = \"\r\\n\""),
        ])
    func printing(text: String, canonical: String) throws {
        let signature = try Signature(parsing: text)
        #expect(signature.description == canonical)
        #expect(try Signature(parsing: signature.description) == signature)
    }

    @Test(
        "a malformed signature is refused with what was expected and where",
        arguments: [
            ("symbol: strr", "expected a type after ':'", 9),
            ("symbol:", "expected a type after ':'", 8), ("symbol: ", "expected a type after ':'", 9),
            ("symbol: STR", "expected a type after ':'", 9), ("symbol: ?", "expected a type after ':'", 9),
            ("symbol", "expected ':' after 'symbol'", 7), ("symbol str", "expected ':' after 'symbol'", 8),
            ("symbol = 1", "expected ':' after 'symbol'", 8), ("a-b: str", "expected ':' after 'a'", 2),
            (": str", "expected a parameter's name (letters, digits and '_')", 1),
            ("1a: str", "expected a parameter's name (letters, digits and '_')", 1),
            (",", "expected a parameter's name (letters, digits and '_')", 1),
            ("ä: str", "expected a parameter's name (letters, digits and '_')", 1),
            ("a: str,", "expected a parameter's name (letters, digits and '_') after ','", 8),
            ("a: str, ", "expected a parameter's name (letters, digits and '_') after ','", 9),
            ("a: str,, b: str", "expected a parameter's name (letters, digits and '_') after ','", 8),
            ("a: str b: str", "expected '=', ',' or the end after parameter 'a'", 8),
            ("a: i32 b: str", "expected 'in', '=', ',' or the end after parameter 'a'", 8),
            ("a: i32 inn 1...", "expected 'in', '=', ',' or the end after parameter 'a'", 8),
            ("a: i32 in 1...5 b: str", "expected '=', ',' or the end after parameter 'a'", 17),
            ("a: i32 in 1...5 in 1...5", "expected '=', ',' or the end after parameter 'a'", 17),
            ("a: i32 = 1 in 1...5", "expected ',' or the end after parameter 'a'", 12),
            ("a: str in 1...5", "only numbers have a range", 8), ("a: bool in ...1", "only numbers have a range", 9),
            ("a: str? in 1...", "only numbers have a range", 9),
            ("a: i32 in", "expected a range after 'in': 1...10, 1... or ...10", 10),
            ("a: i32 in 5 = 5", "expected a range after 'in': 1...10, 1... or ...10", 11),
            ("a: i32 in 1..5", "expected a range after 'in': 1...10, 1... or ...10", 11),
            ("a: i32 in , b: i32", "expected a range after 'in': 1...10, 1... or ...10", 11),
            ("a: i32 in ... = 1", "expected a bound before or after '...'", 11),
            ("a: i32 in ...,b: i32", "expected a bound before or after '...'", 11),
            ("a: i32 in x...5", "expected a whole number from -2147483648 to 2147483647 before '...'", 11),
            ("a: u32 in -1...5", "expected a whole number from 0 to 4294967295 before '...'", 11),
            ("a: i32 in 1...2147483648", "expected a whole number from -2147483648 to 2147483647 after '...'", 15),
            ("a: i32 in 1 ... 5.0", "expected a whole number from -2147483648 to 2147483647 after '...'", 17),
            ("a: f64 in nan...", "expected a number before '...'", 11),
            ("a: f64 in 0...inf", "expected a number after '...'", 15),
            ("a: f64 in 0...1...2", "expected '=', ',' or the end after parameter 'a'", 16),
            ("a: i32 in 5...1", "the range ends below its start", 11),
            ("a: f64 in 0.001...86400 = 0", "expected a number from 0.001 to 86400 after '='", 27),
            ("a: i32 in 1... = 0", "expected a whole number from 1 to 2147483647 after '='", 18),
            ("a: f32 in ...1 = 1.1", "expected a number of at most 1 after '='", 18),
            ("a: f64 in 1... = nan", "expected a number of at least 1 after '='", 18),
            ("a: str ?", "expected '=', ',' or the end after parameter 'a'", 8),
            ("a: str; b: str", "expected '=', ',' or the end after parameter 'a'", 7),
            ("a: str? b", "expected ',' or the end after parameter 'a'", 9),
            ("a: i32 = 1 2", "expected ',' or the end after parameter 'a'", 12),
            ("a: i32?", "only str can be optional", 7), ("a: bool? = true", "only str can be optional", 8),
            (#"a: str? = "x""#, "an optional parameter has no default", 9),
            ("a: i32 =", "expected a whole number from -2147483648 to 2147483647 after '='", 9),
            ("a: i32 = , b: i32", "expected a whole number from -2147483648 to 2147483647 after '='", 10),
            ("a: i32 = 2147483648", "expected a whole number from -2147483648 to 2147483647 after '='", 10),
            ("a: u32 = -1", "expected a whole number from 0 to 4294967295 after '='", 10),
            ("a: f64 = nan", "expected a number after '='", 10), ("a: f32 = 1e40", "expected a number after '='", 10),
            ("a: bool = no", "expected true or false after '='", 11),
            ("a: str = x", "expected text in double quotes after '='", 10),
            ("a: str =", "expected text in double quotes after '='", 9),
            (#"a: str = "x"#, "expected a closing '\"'", 10),
            (#"a: str = "x\""#, "expected a closing '\"'", 10),
            (#"a: str = "x\q""#, #"expected \", \\, \n or \t"#, 12),
            (#"a: str = "x\"#, #"expected \", \\, \n or \t"#, 12),
            ("a: str = \"x\0\"", "expected text", 12),
            (#"a: str = "x"y"#, "expected ',' or the end after parameter 'a'", 13),
            ("a: str, b: i32, a: i32", "two parameters are named 'a'", 17),
            ("a: str = \"ü\", a: i32", "two parameters are named 'a'", 16),
        ] as [(String, String, Int)])
    func malformed(text: String, message: String, column: Int) {
        let error = SignatureError(message: message, offset: column - 1, text: text)
        #expect(throws: error) { try Signature(parsing: text) }
    }

    @Test("signatures with other bounds are other signatures")
    func equality() throws {
        let one = try Signature(parsing: "a: i32 in 1...5")
        for other in ["a: i32", "a: i32 in 1...", "a: i32 in ...5", "a: i32 in 1...6", "a: i64 in 1...5"] {
            #expect(try Signature(parsing: other) != one)
        }
    }

    @Test("an error is one line, or two with the place marked")
    func errorText() throws {
        let error = try #require(throws: SignatureError.self) { try Signature(parsing: "symbol: strr") }
        #expect(error.description == #"parameters: expected a type after ':' at column 9 of "symbol: strr""#)
        #expect(error.caret == "symbol: strr\n        ^")

        let split = try #require(throws: SignatureError.self) { try Signature(parsing: "a: str = \"ü\",\n\tb: int") }
        #expect(
            split.description == "parameters: expected a type after ':' at column 20 of \"a: str = \"ü\",  b: int\"")
        #expect(split.caret == "a: str = \"ü\",  b: int\n                  ^")
    }

    @Test("as many parameters as there may be are read, and not one more")
    func limit() throws {
        let names = (0...Signature.parameterCountMax).map { "p\($0): i32" }
        let full = try Signature(parsing: names.dropLast().joined(separator: ", "))
        #expect(full.parameters.count == 64)
        let error = try #require(throws: SignatureError.self) { try Signature(parsing: names.joined(separator: ", ")) }
        #expect(error.message == "expected at most 64 parameters")
        #expect(error.text.utf8.dropFirst(error.offset).elementsEqual("p64: i32".utf8))
    }
}
