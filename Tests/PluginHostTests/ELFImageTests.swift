import Glibc
import TestSupport
import Testing

@testable import PluginHost

@Suite("The check of an image's bytes")
struct ELFImageTests {
    private func check(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { bytes in
            do throws(Defect) {
                try ELFImage.check(bytes)
                return nil
            } catch {
                return error.rule
            }
        }
    }

    private func good() throws -> [UInt8] {
        try #require(readFile(fixturePlugin("Plain")))
    }

    @Test("a shared object passes")
    func passes() throws {
        #expect(try check(good()) == nil)
    }

    @Test("what is no image is said to be none")
    func others() {
        #expect(check(Array("#!/bin/sh\necho hello\n".utf8)) == "it is not a shared object")
        #expect(check(Array("!<arch>\n".utf8)) == "it is not a shared object")
        #expect(check([0x7f, 0x45])?.hasPrefix("it is truncated: the file ends at byte 2") == true)
        #expect(check([])?.hasPrefix("it is truncated") == true)
    }

    @Test(
        "one field of the header changed is named",
        arguments: [
            (4, 1, "it is a 32-bit image"), (5, 2, "it is a big-endian image"), (6, 9, "unknown version"),
            (16, 1, "it is an object file"), (16, 2, "it is an executable"), (16, 4, "an ELF file of type 4"),
            (18, 40, "it is built for arm, but this host is"), (20, 7, "unknown version"), (52, 63, "unknown version"),
            (54, 55, "it has no segments"), (56, 0, "it has no segments"),
        ] as [(Int, UInt8, String)])
    func header(offset: Int, value: UInt8, rule: String) throws {
        var bytes = try good()
        bytes[offset] = value
        let found = try #require(check(bytes))
        #expect(found.contains(rule), "\(found)")
    }

    @Test("tables and segments that lie beyond the end are found, however far")
    func beyond() throws {
        let good = try good()
        for field in [32, 40] {
            for value in [UInt64(good.count), UInt64(good.count) - 1, 1 << 40, .max, .max - 100] {
                var bytes = good
                bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: field, as: UInt64.self) }
                #expect(check(bytes)?.hasPrefix("it is truncated") == true)
            }
        }
    }

    @Test("programs are refused: a position-independent one is a shared object by its type only")
    func executable() throws {
        let directory = TemporaryDirectory()
        let source = directory.write("int main(void) { return 0; }\n".utf8, to: "main.c")
        for (flag, rule) in [
            ("-pie", "it is an executable (PIE), not a shared object"),
            ("-no-pie", "it is an executable, not a shared object"),
        ] {
            let program = "\(directory.path)/program"
            try #require(ChildProgram.run(["cc", "-fPIE", flag, "-o", program, source]).status == 0)
            #expect(check(try #require(readFile(program))) == rule)
        }
        let object = "\(directory.path)/main.o"
        try #require(ChildProgram.run(["cc", "-c", "-o", object, source]).status == 0)
        #expect(check(try #require(readFile(object))) == "it is an object file (.o) that has not been linked")
    }

    @Test("cut off anywhere, it is never loaded, and nothing crashes")
    func truncated() throws {
        let bytes = try good()
        let passed = (0..<bytes.count).filter { check(Array(bytes.prefix($0))) == nil }
        #expect(passed.isEmpty)
        let directory = TemporaryDirectory()
        let loader = PluginLoader(logger: RecordedLog.logger("truncated"))
        for length in [0, 1, 63, 64, 3000, 12000, bytes.count - 1] where length < bytes.count {
            let path = directory.write(bytes.prefix(length), to: "cut.so")
            let refusal = #expect(throws: PluginRefusal.self) { try loader.load(path) }
            #expect(refusal?.remedy == "copy it again under a temporary name, then rename it")
        }
    }

    @Test("bytes changed at random never crash the check")
    func fuzzed() throws {
        var random = SeededRandom.fromEnvironment(test: "changed images")
        let good = try good()
        var refused = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                // Mostly in the header and the segment table, which is what the check reads.
                let end =
                    Bool.random(using: &random) ? 64 : Int.random(in: 0..<10, using: &random) == 0 ? bytes.count : 800
                bytes[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            if check(bytes) != nil { refused += 1 }
        }
        // What hits no field that is read passes, and most does.
        #expect(refused > 1000)
    }
}
