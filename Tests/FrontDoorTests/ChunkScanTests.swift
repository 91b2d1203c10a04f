import Testing

@testable import FrontDoor

@Suite("Chunk scan")
struct ChunkScanTests {
    @Test(
        "A chunked body ends after its trailers, wherever it is split",
        arguments: [
            "0\r\n\r\n", "000\r\nA: b\r\nC:\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n",
            "1F;a=\"0\"\r\n\(String(repeating: "\n", count: 31))\r\n0;x\r\n\r\n",
            "a\r\n0\r\n\r\n0\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n",
        ])
    func ends(body: String) {
        let bytes = Array(body.utf8)
        for cut in 0...bytes.count {
            var scan = ChunkScan()
            var taken = Array(bytes[..<cut]).withUnsafeBytes { scan.take($0) }
            #expect(taken == cut)
            if cut < bytes.count {
                taken += (Array(bytes[cut...]) + Array("GET".utf8)).withUnsafeBytes { scan.take($0) }
            }
            #expect(taken == bytes.count)
        }
    }

    @Test("If the parser rejects a body, it gets all further bytes")
    func overflow() {
        var scan = ChunkScan()
        let bytes = Array("fffffffffffffffff\r\nabc\r\n".utf8)
        #expect(bytes.withUnsafeBytes { scan.take($0) } > 0)
        #expect(bytes.withUnsafeBytes { scan.take($0) } == bytes.count)
    }
}
