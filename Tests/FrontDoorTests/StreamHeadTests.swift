import EventStream
import NIOCore
import ProducerInterface
import Testing

@testable import FrontDoor

@Suite("The head of a stream's response")
struct StreamHeadTests {
    private let head = StreamHead.eventStream(date: "today", adding: [.init("X-Extra", "1")])

    @Test("As data it contains nothing specific to a version of HTTP, and the producer's fields are separate")
    func data() {
        let ofHTTP1: Set = ["transfer-encoding", "connection", "keep-alive"]
        #expect(head.status == 200)
        #expect(head.fields.first == .init("Content-Type", "text/event-stream"))
        #expect(head.fields.contains(.init("Date", "today")))
        #expect(head.fields.allSatisfy { !ofHTTP1.contains($0.name.lowercased()) })
        #expect(head.added == [.init("X-Extra", "1")])
    }

    @Test("HTTP/1.x states how the response ends, and the producer's fields come last", arguments: [true, false])
    func http1(isChunked: Bool) {
        var bytes = ByteBuffer()
        head.write(to: &bytes, isChunked: isChunked)
        #expect(
            String(buffer: bytes) == """
                HTTP/1.1 200 OK\r
                Content-Type: text/event-stream\r
                Cache-Control: no-store, no-transform\r
                X-Accel-Buffering: no\r
                X-Content-Type-Options: nosniff\r
                Date: today\r
                \(isChunked ? "Transfer-Encoding: chunked\r\n" : "")Connection: close\r
                X-Extra: 1\r
                \r

                """)
    }
}
