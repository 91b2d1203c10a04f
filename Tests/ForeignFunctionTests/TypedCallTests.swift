import ForeignFunction
import Testing

@Suite("Typed calls")
struct TypedCallTests {
    @Test("a call passes pointers and every type, and returns the function's result")
    func everyType() throws {
        let library = try CompiledLibrary(
            """
            #include <stdbool.h>
            #include <stdint.h>
            #include <stdio.h>
            int32_t f(void *out, void **state, bool a, int32_t b, int64_t c, uint32_t d, uint64_t e, float g, double h,
                      const char *i, const char *j)
            {
                *state = out;
                return snprintf(out, 256, "%d %d %lld %u %llu %g %g %s %d", a, b, (long long)c, d, (unsigned long long)e,
                                g, h, i, j == NULL);
            }
            """)
        let call = try TypedCall(leadingPointers: 2, arguments: ValueType.allCases.filter(\.isParameter) + [.str])
        let arguments = ArgumentStorage(
            values: [
                .bool(true), .i32(.min), .i64(.min), .u32(.max), .u64(.max), .f32(0.5), .f64(-0.25), .str("grüße"),
                .str(nil),
            ])
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { out in
            var state: UnsafeMutableRawPointer?
            let length = try withUnsafeMutablePointer(to: &state) { state in
                call.call(
                    try library.address(of: "f"),
                    leading: [UnsafeMutableRawPointer(out.baseAddress), UnsafeMutableRawPointer(state)],
                    arguments: arguments)
            }
            let text = String(cString: try #require(out.baseAddress))
            #expect(text == "1 -2147483648 -9223372036854775808 4294967295 18446744073709551615 0.5 -0.25 grüße 1")
            #expect(Int(length) == text.utf8.count)
            #expect(state == UnsafeMutableRawPointer(out.baseAddress))
        }
    }

    @Test("results smaller than a register keep their sign", arguments: [Int32.min, -1, 0, 1, Int32.max])
    func results(result: Int32) throws {
        let library = try CompiledLibrary(
            "#include <stdint.h>\nint32_t f(int32_t value) { return value; }")
        let call = try TypedCall(leadingPointers: 0, arguments: [.i32])
        let code = try library.address(of: "f")
        #expect(call.call(code, leading: [], arguments: ArgumentStorage(values: [.i32(result)])) == result)
    }

    @Test("a function can keep a text for as long as the storage exists")
    func textLifetime() throws {
        let library = try CompiledLibrary(
            """
            #include <stdint.h>
            #include <string.h>
            static const char *kept;
            int32_t keep(const char *text) { kept = text; return 0; }
            int32_t compare(const char *text) { return strcmp(kept, text); }
            """)
        let call = try TypedCall(leadingPointers: 0, arguments: [.str])
        let keep = try library.address(of: "keep")
        let compare = try library.address(of: "compare")
        let text = String(repeating: "long enough to live on the heap ", count: 8)
        let storage = ArgumentStorage(values: [.str(text)])
        _ = call.call(keep, leading: [], arguments: storage)
        for _ in 0..<100 {
            #expect(call.call(compare, leading: [], arguments: ArgumentStorage(values: [.str(text)])) == 0)
        }
        withExtendedLifetime(storage) {}
    }

    @Test("one prepared call can be used by many threads at once", .timeLimit(.minutes(1)))
    func threads() async throws {
        let library = try CompiledLibrary(
            """
            #include <stdint.h>
            int32_t f(int64_t *out, int64_t a, double b, uint32_t c) { *out = a + (int64_t)b + c; return (int32_t)c; }
            """)
        let call = try TypedCall(leadingPointers: 1, arguments: [.i64, .f64, .u32])
        let code = UInt(bitPattern: try library.address(of: "f"))
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    guard let code = UnsafeRawPointer(bitPattern: code) else { return 1 }
                    var wrong = 0
                    for turn in 0..<2_000 {
                        let arguments = ArgumentStorage(
                            values: [.i64(Int64(task)), .f64(Double(turn)), .u32(UInt32(turn))])
                        var sum: Int64 = 0
                        let result = withUnsafeMutablePointer(to: &sum) {
                            call.call(code, leading: [UnsafeMutableRawPointer($0)], arguments: arguments)
                        }
                        if result != turn || sum != Int64(task + 2 * turn) { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
