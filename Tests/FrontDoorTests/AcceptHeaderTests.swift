import Testing

@testable import FrontDoor

@Suite("Accept header")
struct AcceptHeaderTests {
    @Test(
        "The most specific media range decides",
        arguments: [
            ([], true, false),
            ([""], true, false),
            (["text/event-stream"], true, true),
            (["Text/Event-Stream; charset=utf-8"], true, true),
            (["text/*"], true, false),
            (["*/*"], true, false),
            (["application/json"], false, false),
            (["application/json, text/html;q=0.9"], false, false),
            (["application/json, */*;q=0.1"], true, false),
            (["text/event-stream;q=0"], false, false),
            (["text/event-stream;q=0, */*"], false, false),
            (["*/*", "text/event-stream ; q=0.000"], false, false),
            (["text/*;q=0, */*;q=1"], false, false),
            (["text/*;q=0, text/event-stream;q=0.001"], true, true),
            (["*/*;q=0"], false, false),
            (["text/event-stream;q=1.5"], true, false),
            (["text/event-stream;q=abc, application/json"], false, false),
            (["nonsense"], true, false),
            ([", ,"], true, false),
            (["text/event-stream;q=0, text/event-stream"], true, true),
        ])
    func table(values: [String], allows: Bool, names: Bool) {
        let header = AcceptHeader(values)
        #expect(header.allowsEventStream == allows)
        #expect(header.namesEventStream == names)
    }
}
