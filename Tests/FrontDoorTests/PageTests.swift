import Logging
import StreamRuntime
import Synchronization
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Pages that take a while, and servers that have pages only", .timeLimit(.minutes(3)))
struct PageTests {
    /// Makes pages when the test says so.
    private final class Maker: Sendable {
        private let waiting = Mutex<[@Sendable (Page.Answer) -> Void]>([])

        var page: Page { Page(path: "/made") { [self] take in waiting.withLock { $0.append(take) } } }

        func asked(_ count: Int = 1) async -> Bool { await eventually { self.waiting.withLock { $0.count == count } } }

        func make(_ text: String, status: Int = 200) {
            let takers = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for take in takers { take(.init(status: status, type: "text/plain", content: Array(text.utf8))) }
        }
    }

    @Test("the answer is sent when it is made; other connections do not wait, and what was sent behind it is dropped")
    func later() async throws {
        let maker = Maker()
        let pages = PageTable([maker.page, Page(path: "/quick") { .init(status: 503, type: "a/b", content: [120]) }])
        try await withServer(pages: pages) { server in
            let client = try server.connect()
            try client.send(get("/made") + get("/quick"))
            #expect(await maker.asked())
            let quick = try server.answer(to: get("/quick"))
            #expect(quick.status == 503 && quick.body == "x" && quick["Content-Type"] == "a/b")
            #expect(client.received.isEmpty)
            maker.make("here it is", status: 203)
            let made = try client.readResponse()
            #expect(made.status == 203 && made.body == "here it is" && made["Cache-Control"] == "no-store")
            #expect(made["Connection"] == "close")
            #expect(try client.readToEnd().isEmpty)
            let next = try server.connect()
            for text in ["one", "two"] {
                try next.send(get("/made"))
                #expect(await maker.asked())
                maker.make(text)
                let answer = try next.readResponse()
                #expect(answer.body == text && answer["Connection"] == nil)
            }
        }
    }

    @Test("HEAD gets the head of what is made; a client that has ended its side gets its answer")
    func heads() async throws {
        let maker = Maker()
        try await withServer(pages: PageTable([maker.page])) { server in
            let (head, half) = (try server.connect(), try server.connect())
            try head.send("HEAD /made HTTP/1.1\r\nHost: test\r\n\r\n")
            try half.send(get("/made"))
            half.halfClose()
            #expect(await maker.asked(2))
            maker.make("twelve bytes")
            let answer = try head.readResponse(toHead: true)
            #expect(answer.status == 200 && answer["Content-Length"] == "12" && head.received.isEmpty)
            #expect(try half.readResponse().body == "twelve bytes")
            #expect(try half.readToEnd().isEmpty)
        }
    }

    @Test("a peer that leaves meanwhile is forgotten; one that waits too long is disconnected")
    func leaving() async throws {
        let maker = Maker()
        try await withServer({ $0.pageTimeout = .milliseconds(50) }, pages: PageTable([maker.page])) { server in
            let patient = try server.connect()
            try patient.send(get("/made"))
            #expect(await maker.asked())
            #expect(try patient.readToEnd().isEmpty)
            maker.make("too late")
            let gone = try server.connect()
            try gone.send(get("/made"))
            #expect(await maker.asked())
            gone.reset()
            #expect(await eventually { server.server.connectionCount == 0 })
            maker.make("for nobody")
            #expect(try server.answer(to: get("/missing")).status == 404)
        }
    }

    @Test("where there are only pages, other paths get 404 with their names, other methods 405")
    func onlyPages() async throws {
        var settings = ServerSettings()
        settings.listeners = [ListenSettings(host: "127.0.0.1", port: 0)]
        settings.listeners[0].hosts = HostNames(["test"])
        let page = Page(path: "/a", type: "text/plain") { Array("a".utf8) }
        let server = Server(
            settings, pages: PageTable([page, Page(path: "/b") { [] }], isWhole: true), opener: PagesOnly(),
            logger: .init(label: "test"))
        let port = try #require(try await server.start()[0].port)
        func answer(_ request: String) throws -> RawResponse {
            let client = try RawClient(port: port)
            try client.send(request)
            return try client.readResponse()
        }
        #expect(try answer(get("/a")).body == "a")
        let missing = try answer(get("/hello"))
        #expect(missing.status == 404 && missing.body.contains("There is no page /hello here, but /a, /b."))
        let post = try answer("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
        #expect(post.status == 405 && post["Allow"] == "GET, HEAD, OPTIONS")
        #expect(try answer("OPTIONS /a HTTP/1.1\r\nHost: test\r\n\r\n")["Allow"] == "GET, HEAD, OPTIONS")
        await server.stop(within: .zero)
    }
}
