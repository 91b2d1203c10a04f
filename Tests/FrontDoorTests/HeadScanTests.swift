import Testing

@testable import FrontDoor

@Suite("Head scan")
struct HeadScanTests {
    private func take(_ scan: inout HeadScan, _ text: String) -> Int {
        Array(text.utf8).withUnsafeBytes { scan.take($0) }
    }

    @Test(
        "A head ends with its empty line, wherever it is split; empty lines before it are part of it",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "G\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n",
            "GET / HTTP/1.1\nA: b\n\n",
        ])
    func ends(head: String) {
        let bytes = Array(head.utf8)
        for cut in 0...bytes.count {
            var scan = HeadScan()
            var taken = Array(bytes[..<cut]).withUnsafeBytes { scan.take($0) }
            #expect(taken == cut)
            if cut < bytes.count {
                taken += (Array(bytes[cut...]) + Array("body\r\n\r\n".utf8)).withUnsafeBytes { scan.take($0) }
            }
            #expect(taken == bytes.count)
            #expect(scan.count == bytes.count)
        }
    }

    @Test("An incomplete head is taken completely, and a reset starts again")
    func unfinished() {
        var scan = HeadScan()
        #expect(take(&scan, "GET / HTTP/1.1\r\nA: \r\n \r\n") == 24)
        #expect(take(&scan, "\r") == 1)
        #expect(scan.count == 25)
        scan.reset()
        #expect(scan.count == 0)
        #expect(take(&scan, "\nX\r\n\r\nY") == 6)
    }
}
