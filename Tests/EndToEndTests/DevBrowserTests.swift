import Glibc
import TestSupport
import Testing

/// The example's page, as an author sees it while editing the source.
@Suite(
    "The page of hello-swift in a browser", .onTestThreads,
    .enabled("chromium and chromedriver are not installed") {
        Browser.Kind.chromium.isInstalled
    })
struct DevBrowserTests {
    private let workshop = Workshop()

    @Test("continues across an edit of the source, and shows errors while the old code keeps serving")
    func edit() throws {
        let shipped = "\(repositoryRoot)/Plugins/hello-swift"
        try #require(workshop.run("cp", "-r", shipped, "plugins").status == 0)
        let source = String(decoding: readFile("\(shipped)/HelloSwift.swift") ?? [], as: UTF8.self)
        let server = try DevServer(workshop)
        let browser = try Browser()
        defer { browser.quit() }
        try browser.open("http://127.0.0.1:\(server.port)/")
        let _: String = try browser.run(seen("events", "world") + "window.isTheSame = true")

        server.save(source + "this is no code\n", to: "HelloSwift.swift")
        let errors: String = try browser.run(seen("build", "HelloSwift.swift is not built"))
        let line = source.split(separator: "\n", omittingEmptySubsequences: false).count
        #expect(errors.contains("HelloSwift.swift:\(line):") && errors.contains("error:"), "\(errors)")
        let _: String = try browser.run("byId('events').replaceChildren();" + seen("events", "world"))

        let saved = ContinuousClock.now
        server.save(source.split(separator: "world").joined(separator: "earth"), to: "HelloSwift.swift")
        let events: String = try browser.run(seen("events", "earth"))
        print("from saving a Swift file to its events in the page: \(ContinuousClock.now - saved)")
        #expect(events.contains(#"{"hello":"earth"}"#))
        let build: String = try browser.run(seen("build", "is built"))
        #expect(build == "HelloSwift.swift is built\n")
        #expect(try browser.run("done(window.isTheSame === true)") == true)
        #expect(try server.interrupt() == .status(0))
    }

    /// Waits until an element of the page contains a text, and returns the element's whole text.
    private func seen(_ id: String, _ text: String) -> String {
        """
        const element = byId('\(id)');
        const look = () => { if (element.textContent.includes('\(text)')) done(element.textContent) };
        new MutationObserver(look).observe(element, { childList: true, subtree: true, characterData: true });
        look();

        """
    }
}
