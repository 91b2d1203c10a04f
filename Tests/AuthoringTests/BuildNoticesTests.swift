import EventStream
import Synchronization
import Testing

@testable import Authoring

@Suite("Notices of builds")
struct BuildNoticesTests {
    private func report(isBuilt: Bool) -> Development.Report {
        Development.Report(label: "a.c", file: "/tmp/s/a.c.so", isBuilt: isBuilt, text: "", milliseconds: 1)
    }

    @Test("a notice has its own event type, whatever the compiler prints")
    func event() {
        var parser = EventParser()
        let failed = BuildEvent(file: "a \"b\".c", isBuilt: false, text: "a.c:1: x\r\n\t<y>\n")
        #expect(
            parser.feed(failed.frame) == [
                Event(
                    data: #"{"file":"a \"b\".c","ok":false,"text":"a.c:1: x\r\n\t\u003cy>\n"}"#, type: "sluice-build",
                    id: "")
            ])
        let built = parser.feed(BuildEvent(file: "a.c", isBuilt: true, text: "").frame)
        #expect(built.map(\.data) == [#"{"file":"a.c","ok":true,"text":""}"#])
    }

    @Test("only the subscribers of the plugin that the file serves get it", arguments: [true, false])
    func announcing(isServed: Bool) {
        let announced = Mutex<[String]>([])
        let notices = BuildNotices(
            served: { file in isServed && file == "/tmp/s/a.c.so" ? .init(plugin: "a", routes: ["/a"]) : nil },
            announce: { frame, plugin in
                announced.withLock { $0.append("\(plugin): \(String(decoding: frame, as: UTF8.self))") }
            })
        notices.tell(report(isBuilt: false))
        let expected = "a: event: sluice-build\ndata: {\"file\":\"a.c\",\"ok\":false,\"text\":\"\"}\n\n"
        #expect(announced.withLock(\.self) == (isServed ? [expected] : []))
    }
}
