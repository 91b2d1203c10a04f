import TestSupport
import Testing

@testable import PluginHost

@Suite("The note of the compiler")
struct SwiftNoteTests {
    private static func note(_ owner: String, type: UInt32 = 1, content: [UInt8]) -> [UInt8] {
        func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) }
        let name = Array(owner.utf8) + [0]
        return word(name.count) + word(content.count) + word(Int(type)) + padded(name) + padded(content)
    }

    private static let swift63 = note("Sluice", content: [3, 0, 6, 0])

    private func version(_ bytes: [UInt8]) -> String? { bytes.withUnsafeBytes { SwiftNote(in: $0)?.description } }

    @Test("is found among others, whatever their sizes")
    func found() {
        let others = Self.note("GNU", type: 3, content: Array(repeating: 7, count: 20)) + Self.note("x", content: [1])
        #expect(version(Self.swift63) == "6.3")
        #expect(version(others + Self.swift63 + others) == "6.3")
    }

    @Test("is not confused with another compiler's, or with notes of another type or size")
    func others() {
        #expect(version([]) == nil)
        #expect(version(Self.note("Sluices", content: [3, 0, 6, 0])) == nil)
        #expect(version(Self.note("Sluice", type: 2, content: [3, 0, 6, 0])) == nil)
        #expect(version(Self.note("Sluice", content: [3, 0, 6, 0, 0])) == nil)
    }

    @Test("any bytes are read without harm")
    func garbage() {
        for end in 0..<Self.swift63.count { #expect(version(Array(Self.swift63[..<end])) == nil) }
        var random = SeededRandom.fromEnvironment(test: "SwiftNote")
        for _ in 0..<20_000 {
            var bytes = Self.swift63 + Self.swift63
            for _ in 0..<4 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = version(bytes)
        }
    }
}
