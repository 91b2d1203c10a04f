import ForeignFunction
import Testing

@Suite("Signatures of functions")
struct FunctionSignatureTests {
    @Test(
        "types are read and printed in one spelling",
        arguments: [
            ("()", "() -> void"), (" ( ) ", "() -> void"), ("()->void", "() -> void"), ("() -> i8", "() -> i8"),
            ("(str, f64) -> void", "(str, f64) -> void"), ("(str,f64)", "(str, f64) -> void"),
            (
                "(\n i8 ,u8\t,i16,u16,i32,u32,i64,u64,f32,f64,bool,str,ptr)->ptr",
                "(i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool, str, ptr) -> ptr"
            ),
        ])
    func types(text: String, canonical: String) throws {
        let signature = try FunctionSignature(parsingTypes: text)
        #expect(signature.description == canonical)
        #expect(try FunctionSignature(parsingTypes: canonical) == signature)
    }

    @Test(
        "names, types and options are read and printed in one spelling",
        arguments: [
            ("op: i32, _: ptr, table: str, rowid: i64", "op: i32, _: ptr, table: str, rowid: i64 -> void"),
            ("_:ptr,_:ptr->i32", "_: ptr, _: ptr -> i32"), ("@type: str, @id: u64", "@type: str, @id: u64 -> void"),
            ("a: i8;full=drop-oldest , type = x.y", "a: i8 -> void; full=drop-oldest, type=x.y"),
            (";full=fail", "-> void; full=fail"), ("-> i32; full=fail", "-> i32; full=fail"),
            ("_x: bool -> bool", "_x: bool -> bool"),
        ])
    func names(text: String, canonical: String) throws {
        let signature = try FunctionSignature(parsingNamed: text)
        #expect(signature.description == canonical)
        #expect(try FunctionSignature(parsingNamed: canonical) == signature)
    }

    @Test("nothing at all is a function without arguments", arguments: ["", "  ", "-> void"])
    func empty(text: String) throws {
        #expect(try FunctionSignature(parsingNamed: text) == FunctionSignature(arguments: []))
    }

    @Test("signatures are equal by names, types, result and options")
    func equality() throws {
        let one = try FunctionSignature(parsingNamed: "a: i32 -> i32; full=fail")
        for other in ["b: i32 -> i32; full=fail", "a: u32 -> i32; full=fail", "a: i32; full=fail", "a: i32 -> i32"] {
            #expect(try FunctionSignature(parsingNamed: other) != one)
        }
        #expect(try FunctionSignature(parsingNamed: "  a :i32->i32 ;full= fail") == one)
    }

    private static let typeNames = "bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 str ptr"

    @Test(
        "malformed types are refused with what was expected and where",
        arguments: [
            ("", "expected '(' before the types of the arguments", 1),
            ("str) -> void", "expected '(' before the types of the arguments", 1),
            ("(", "expected a type after '('", 2), ("(,", "expected a type after '('", 2),
            ("(str,", "expected a type after ','", 6), ("(str,)", "expected a type after ','", 6),
            ("(int)", "there is no type 'int'; the types are \(typeNames)", 2),
            ("(str, char)", "there is no type 'char'; the types are \(typeNames)", 7),
            ("(STR)", "there is no type 'STR'; the types are \(typeNames)", 2),
            ("(void)", "only a result can be void", 2),
            ("(str?)", "'?' is for parameters; any str or ptr of a call may be NULL", 5),
            ("(str", "expected ',' or ')' after 'str'", 5),
            ("(a: str)", "there is no type 'a'; the types are \(typeNames)", 2),
            ("(str f64)", "expected ',' or ')' after 'str'", 6),
            ("(f64 in 0...1)", "expected ',' or ')' after 'f64'", 6),
            ("() void", "expected '->' and the result's type, or the end", 4),
            ("() -", "expected '->' before the result's type", 4),
            ("() - > i32", "expected '->' before the result's type", 4),
            ("() ->", "expected a type or void after '->'", 6), ("() -> ", "expected a type or void after '->'", 7),
            ("() -> int", "there is no type 'int'; a result is void, or one of \(typeNames)", 7),
            ("() -> i32 x", "expected the end", 11), ("() -> i32; full=fail", "expected the end", 10),
            ("()(", "expected '->' and the result's type, or the end", 3),
        ])
    func malformedTypes(text: String, message: String, column: Int) {
        let error = SignatureError(message: message, offset: column - 1, text: text)
        #expect(throws: error) { try FunctionSignature(parsingTypes: text) }
    }

    @Test(
        "malformed names and options are refused with what was expected and where",
        arguments: [
            ("op", "expected ':' after 'op'", 3), ("op i32", "expected ':' after 'op'", 4),
            ("(op: i32)", "expected an argument's name (letters, digits and '_')", 1),
            ("1a: i32", "expected an argument's name (letters, digits and '_')", 1),
            (",", "expected an argument's name (letters, digits and '_')", 1),
            ("a: i32,", "expected an argument's name (letters, digits and '_') after ','", 8),
            ("a: i32, , b: i32", "expected an argument's name (letters, digits and '_') after ','", 9),
            ("@: i32", "expected a name after '@'", 2), ("@_: i32", "expected a name after '@'", 2),
            ("a:", "expected a type after ':'", 3), ("a: , b: i32", "expected a type after ':'", 4),
            ("a: long", "there is no type 'long'; the types are \(typeNames)", 4),
            ("a: void", "only a result can be void", 4),
            ("a: str?", "'?' is for parameters; any str or ptr of a call may be NULL", 7),
            ("a: i32 b: i32", "expected ',', '->', ';' or the end after argument 'a'", 8),
            ("a: i32 in 1...3", "expected ',', '->', ';' or the end after argument 'a'", 8),
            ("a: i32 = 3", "expected ',', '->', ';' or the end after argument 'a'", 8),
            ("a: i32, a: str", "two arguments are named 'a'", 9),
            ("@id: i32, @id: str", "two arguments are named '@id'", 11),
            ("a: i32 > i32", "expected ',', '->', ';' or the end after argument 'a'", 8),
            ("a: i32 - i32", "expected '->' before the result's type", 8),
            ("a: i32 ->", "expected a type or void after '->'", 10),
            ("a: i32 -> x", "there is no type 'x'; a result is void, or one of \(typeNames)", 11),
            ("a: i32 -> i32 b", "expected ';' and options, or the end", 15),
            ("a: i32;", "expected an option's name after ';'", 8),
            ("a: i32; =", "expected an option's name after ';'", 9),
            ("a: i32; full", "expected '=' after 'full'", 13), ("a: i32; full=", "expected a value after '='", 14),
            ("a: i32; full=,", "expected a value after '='", 14),
            ("a: i32; full=fail,", "expected an option's name after ','", 19),
            ("a: i32; full=fail, full=fail", "the option 'full' is given twice", 20),
            ("a: i32; full=fail; type=x", "expected ',', or the end", 18),
            ("a: i32; full=fail x", "expected ',', or the end", 19),
        ])
    func malformedNames(text: String, message: String, column: Int) {
        let error = SignatureError(message: message, offset: column - 1, text: text)
        #expect(throws: error) { try FunctionSignature(parsingNamed: text) }
    }

    @Test("as many arguments as there may be are read, and not one more")
    func limit() throws {
        let types = [String](repeating: "i32", count: 65)
        #expect(
            try FunctionSignature(parsingTypes: "(\(types.dropLast().joined(separator: ",")))").arguments.count == 64)
        let error = try #require(throws: SignatureError.self) {
            try FunctionSignature(parsingTypes: "(\(types.joined(separator: ",")))")
        }
        #expect(error.message == "expected at most 64 arguments")
        #expect(error.offset == 1 + 64 * 4)
        let named = try #require(throws: SignatureError.self) {
            try FunctionSignature(parsingNamed: types.map { "_: \($0)" }.joined(separator: ","))
        }
        #expect(named.message == "expected at most 64 arguments")
        #expect(named.offset == 64 * 7)
    }
}
