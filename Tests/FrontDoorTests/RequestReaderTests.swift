import NIOCore
import NIOHTTP1
import Testing

@testable import FrontDoor

@Suite("Reading requests")
struct RequestReaderTests {
    private var settings: ServerSettings {
        var settings = ServerSettings()
        settings.maxHeadBytes = 64
        settings.maxBodyBytes = 10
        return settings
    }

    /// The text that the parser gets, or the status of the error.
    private func admit(
        _ text: String, to reader: inout RequestReader, asBody: Bool = false
    ) -> (piece: String?, status: Int?, rest: String) {
        var bytes = ByteBuffer(string: text)
        let admission =
            asBody ? reader.admitBody(from: &bytes, settings) : reader.admitHead(from: &bytes, settings)
        switch admission {
        case .piece(let piece): return (String(buffer: piece), nil, String(buffer: bytes))
        case .refusal(let response): return (nil, response.status, String(buffer: bytes))
        }
    }

    @Test("The bytes of a head go to the parser up to its end, and the next head is counted anew")
    func heads() {
        var reader = RequestReader()
        let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for _ in 0..<5 {
            #expect(admit(head + "next", to: &reader) == (head, nil, "next"))
            reader.end()
        }
    }

    @Test("A head is rejected at the first byte over the limit, in however many pieces it arrives")
    func longHead() {
        var reader = RequestReader()
        #expect(admit("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 45), to: &reader).status == nil)
        #expect(admit("x", to: &reader).status == 431)
    }

    @Test("A method that the parser does not know is rejected at the end of its line, depending on that line")
    func methods() {
        for (line, status) in [("FROB / HTTP/1.1\r\n", 501), ("FROB / HTTP/3.0\r\n", 505), ("FROB\r\n", 400)] {
            var reader = RequestReader()
            #expect(admit("F", to: &reader).status == nil)
            #expect(reader.refusal(of: .invalidMethod, in: .head, settings) == nil, "it is not known yet")
            #expect(admit(String(line.dropFirst()), to: &reader).status == status)
        }
    }

    @Test("The parser's errors have a status: in a head by the kind of error, in a body always 400")
    func parserErrors() {
        var reader = RequestReader()
        #expect(reader.refusal(of: .headerOverflow, in: .head, settings)?.status == 431)
        #expect(reader.refusal(of: .invalidHeaderToken, in: .head, settings)?.status == 400)
        #expect(reader.refusal(of: .invalidMethod, in: .body, settings)?.status == 400)
        #expect(admit("GET / HTTP/2.0\r\n", to: &reader).status == nil)
        #expect(reader.refusal(of: .invalidVersion, in: .head, settings)?.status == 505)
    }

    @Test("A body's bytes belong to it up to its length; one with too large an announced length is rejected")
    func bodies() {
        var reader = RequestReader()
        func head(_ fields: [(String, String)]) -> HTTPRequestHead {
            HTTPRequestHead(
                version: .http1_1, method: .POST, uri: "/", headers: HTTPHeaders([("Host", "a")] + fields))
        }
        #expect(reader.begin(head([("Content-Length", "11")]), at: .now(), settings)?.status == 413)
        #expect(reader.begin(head([]), at: .now(), settings) == nil)
        #expect(reader.begin(head([("Content-Length", "5")]), at: .now(), settings) == nil)
        #expect(admit("hello" + "GET /", to: &reader, asBody: true) == ("hello", nil, "GET /"))
        #expect(reader.begin(head([("Transfer-Encoding", "chunked")]), at: .now(), settings) == nil)
        let extensions = "1;" + String(repeating: "x", count: 100) + "\r\na\r\n"
        #expect(admit(extensions, to: &reader, asBody: true).status == 413)
    }
}
