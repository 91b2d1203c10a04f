import Foundation
import TestSupport
import Testing

@testable import EventStream

@Suite("JSON on one line")
struct JSONLineTests {
    private func text(_ write: (inout FrameBuffer) -> Void) -> String {
        var buffer = FrameBuffer(capacity: 1)
        write(&buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test("random bytes become a string that equals their decoding by the standard library")
    func randomTexts() throws {
        var random = SeededRandom.fromEnvironment(test: "random texts")
        // Bytes that begin, continue or break a sequence are frequent.
        let likely: [UInt8] = [
            0x00, 0x22, 0x5C, 0x7F, 0x80, 0xBF, 0xC2, 0xE0, 0xA0, 0xED, 0x9F, 0xF0, 0x90, 0xF4, 0x8F, 0x41,
        ]
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? likely.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            let json = text { buffer in bytes.withUnsafeBytes { JSONLine.write(text: $0, to: &buffer) } }
            let read = try JSONDecoder().decode(String.self, from: Data(json.utf8))
            #expect(
                read.unicodeScalars.elementsEqual(String(decoding: bytes, as: UTF8.self).unicodeScalars), "\(bytes)")
            #expect(json.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x3C })
        }
    }

    @Test("a field of one line keeps everything except line ends, NUL and broken sequences")
    func oneLine() {
        let bytes: [UInt8] = [0x61, 0x0A, 0x0D, 0x00, 0x22, 0x5C, 0x09, 0xC3, 0xA4, 0xC3, 0x62]
        #expect(
            text { buffer in bytes.withUnsafeBytes { OneLineText.write($0, to: &buffer) } } == "a   \"\\\tä\u{FFFD}b")
    }

    @Test("whole numbers have all their digits")
    func wholeNumbers() {
        for number in [Int64.min, -1, 0, 9, 10, .max] {
            #expect(text { JSONLine.write(number, to: &$0) } == "\(number)")
        }
        for number in [UInt64.min, 99, 100, .max] { #expect(text { JSONLine.write(number, to: &$0) } == "\(number)") }
    }

    @Test("numbers are the shortest text that reads back as the same; infinite ones and NaN are null")
    func numbers() {
        var random = SeededRandom.fromEnvironment(test: "random numbers")
        for _ in 0..<1000 {
            let double = Double(bitPattern: random.next())
            #expect(text { JSONLine.write(double, to: &$0) } == (double.isFinite ? double.description : "null"))
            let float = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            #expect(text { JSONLine.write(float, to: &$0) } == (float.isFinite ? float.description : "null"))
        }
        #expect(text { JSONLine.write(-Double.leastNormalMagnitude, to: &$0) } == "-2.2250738585072014e-308")
        #expect(text { JSONLine.write(Double.infinity, to: &$0) } == "null")
    }

    @Test("addresses are hexadecimal")
    func addresses() {
        for (address, expected) in [
            (UInt(0), "\"0x0\""), (0xF, "\"0xf\""), (0x10, "\"0x10\""), (.max, "\"0xffffffffffffffff\""),
        ] {
            #expect(text { JSONLine.write(address: address, to: &$0) } == expected)
        }
    }
}
