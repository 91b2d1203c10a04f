import Testing

@testable import Identity

@Suite("Base64 for URLs")
struct Base64URLTests {
    @Test("the text of every byte string is read back, and only that text")
    func roundTrip() {
        for count in 0...66 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            let text = Array(TokenFactory.base64URL(bytes).utf8)
            #expect(Base64URL.decode(text) == bytes)
        }
        for text in ["A", "AB=", "AA==", "A+/A", "AB", "AAB", " AAA", "AAA\n", "AAAAA", "ÄA"] {
            #expect(Base64URL.decode(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(Base64URL.decode(Array("AA".utf8)) == [0])
        #expect(Base64URL.decode(Array("-_-_".utf8)) == [0xfb, 0xff, 0xbf])
    }
}
