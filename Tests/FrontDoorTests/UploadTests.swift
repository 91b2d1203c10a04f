import Testing

@testable import FrontDoor

/// How fast a request's body must come, on time that only the test lets pass.
@Suite("Uploads")
struct UploadTests {
    private static func head(_ length: Int) -> String {
        "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n"
    }

    private static let chunkedHead = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test("a steady one may take longer than any pause")
    func steady() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(720_000))
        for _ in 0..<36 {
            #expect(try upload.bodyBytes == nil && upload.answer() == "")
            upload.pass(seconds: 1)
            try upload.send(bytes: 20_000)
        }
        #expect(upload.bodyBytes == 720_000)
    }

    @Test("one that comes at just the rate that is asked for is taken, however long it is")
    func minimum() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(240 * 600))
        for _ in 0..<600 {
            upload.pass(seconds: 1)
            try upload.send(bytes: 240)
        }
        #expect(upload.bodyBytes == 240 * 600)
    }

    @Test(
        "a pause is not longer than the limit, wherever in the body it is, and however little came before",
        arguments: [0, 1, 19_999], [0, 240])
    func pause(after count: Int, rate: Int) throws {
        for (seconds, isTaken) in [(29, true), (31, false)] as [(Int64, Bool)] {
            let upload = try EmbeddedConnection { $0.minBodyBytesPerSecond = rate }
            try upload.send(Self.head(20_000))
            if count > 0 { try upload.send(bytes: count) }
            upload.pass(seconds: seconds)
            if isTaken {
                try upload.send(bytes: 20_000 - count)
                #expect(upload.bodyBytes == 20_000)
            } else {
                let answer = try upload.answer()
                #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("nothing was received for 30000 ms"))
                #expect(answer.contains("\r\nConnection: close\r\n"))
            }
        }
    }

    @Test("one that trickles is cut off when its grace is over, though it never pauses")
    func trickle() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(20_000))
        var seconds = 0
        var answer = ""
        while answer.isEmpty, seconds < 60 {
            try upload.send("x")
            upload.pass(seconds: 1)
            seconds += 1
            answer = try upload.answer()
        }
        #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("at least 240 bytes per second"))
        #expect((10...12).contains(seconds), "\(seconds) s")
    }

    @Test("a pause that is long in a body that is slow is allowed once", arguments: [1, 29] as [Int64])
    func secondPause(first: Int64) throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(20_000))
        upload.pass(seconds: first)
        try upload.send("x")
        // Takes the place of the first, if it is longer.
        upload.pass(seconds: 29)
        let isFirst = first < 10
        #expect(try upload.answer().contains("at least 240 bytes per second") == !isFirst)
        guard isFirst else { return }
        try upload.send("x")
        upload.pass(seconds: 10 - first - 1)
        #expect(try upload.answer() == "")
        upload.pass(seconds: 2)
        #expect(try upload.answer().contains("at least 240 bytes per second"))
    }

    @Test(
        "a byte now and then does not hold a connection for longer than a pause and the grace",
        arguments: [2, 5, 11, 20, 29] as [Int64])
    func loris(every pause: Int64) throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(20_000))
        var seconds: Int64 = 0
        var answer = ""
        while answer.isEmpty, seconds < 600 {
            if seconds > 0, seconds.isMultiple(of: pause) { try upload.send("x") }
            upload.pass(seconds: 1)
            seconds += 1
            answer = try upload.answer()
        }
        #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.contains("at least 240 bytes per second"))
        #expect((pause + 10...pause + 12).contains(seconds), "\(seconds) s")
    }

    @Test("what was sent fast at first may go more slowly later")
    func credit() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.head(24_100))
        // For 100 seconds more than the grace.
        try upload.send(bytes: 24_000)
        for _ in 0..<100 {
            upload.pass(seconds: 1)
            try upload.send("x")
        }
        #expect(upload.bodyBytes == 24_100)
    }

    @Test("the framing of chunks does not count")
    func chunkExtensions() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.chunkedHead + "1;")
        for _ in 0..<29 {
            try upload.send(String(repeating: "e", count: 100))
            upload.pass(seconds: 1)
            #expect(try upload.answer() == "")
        }
        upload.pass(seconds: 2)
        #expect(try upload.answer().hasPrefix("HTTP/1.1 408 "))
    }

    @Test("what is around the data has a limit in bytes", arguments: [false, true])
    func framing(isOneExtension: Bool) throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.chunkedHead)
        if isOneExtension { try upload.send("1;") }
        var count = 0
        var answer = ""
        while answer.isEmpty, count < 1_000_000 {
            let piece =
                isOneExtension
                ? String(repeating: "e", count: 1000) : "1;\(String(repeating: "e", count: 994))\r\nx\r\n"
            try upload.send(piece)
            count += 1000
            answer = try upload.answer()
        }
        #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("exceeds 16384 bytes"))
        #expect((16_000...18_000).contains(count), "\(count)")
    }

    @Test("chunks of one byte each are within it")
    func smallChunks() throws {
        let upload = try EmbeddedConnection()
        try upload.send(Self.chunkedHead)
        for _ in 0..<100 { try upload.send(String(repeating: "00000001\r\nx\r\n", count: 100)) }
        try upload.send("0\r\n\r\n")
        #expect(upload.bodyBytes == 10_000)
    }

    @Test("without a rate, one byte now and then is enough")
    func noRate() throws {
        let upload = try EmbeddedConnection { $0.minBodyBytesPerSecond = 0 }
        try upload.send(Self.head(20))
        for _ in 0..<20 {
            upload.pass(seconds: 29)
            try upload.send("x")
        }
        #expect(upload.bodyBytes == 20)
    }

    @Test("the head has its time as a whole, however steadily it comes")
    func head() throws {
        let upload = try EmbeddedConnection()
        var seconds = 0
        var answer = ""
        try upload.send("GET /once HTTP/1.1\r\nX: ")
        while answer.isEmpty, seconds < 60 {
            try upload.send("x")
            upload.pass(seconds: 1)
            seconds += 1
            answer = try upload.answer()
        }
        #expect(answer.hasPrefix("HTTP/1.1 408 ") && (10...11).contains(seconds), "\(seconds) s")
    }
}
