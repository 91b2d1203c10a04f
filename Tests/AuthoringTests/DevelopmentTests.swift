import Testing

@testable import Authoring

@Suite("Reports of builds")
struct DevelopmentTests {
    private let report = Development.Report(
        label: "b.c", file: "/tmp/s/b.c.so", isBuilt: true, text: "a warning\n", milliseconds: 1)

    @Test(
        "a plugin that is refused after its build does not count as built; the message names its source file"
    )
    func refused() {
        let refusals = [
            "/tmp/s/a.swift.so: not this one",
            "/tmp/s/b.c.so: its route is that of first in /tmp/s/a.swift.so; rename one",
        ]
        var expected = report
        expected.isBuilt = false
        expected.text = "a warning\nb.c: its route is that of first in a.swift; rename one\n"
        #expect(report.loaded(refusals: refusals) == expected)
    }

    @Test("the report of a plugin that was not refused does not change")
    func loaded() {
        #expect(report.loaded(refusals: []) == report)
        #expect(report.loaded(refusals: ["/tmp/s/bb.c.so: another", "/tmp/s/b.c.so.bak: another"]) == report)
    }
}
