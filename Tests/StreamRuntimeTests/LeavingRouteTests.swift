import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// A route whose producer is gone while its last streams continue: requests must not get 404.
@Suite("Routes that leave", .timeLimit(.minutes(5)))
final class LeavingRouteTests: ReloadingStage {
    private func put(_ path: String, _ content: String, plugin: String? = nil, _ routes: String...) throws {
        images.put(path, content, plugin: plugin, routes: routes)
        _ = try reloader.reload()
    }

    private func remove(_ path: String) throws {
        images[path] = nil
        _ = try reloader.reload()
    }

    /// "serves" or "leaves" with plugin and generation, or "404".
    private func answer(_ path: String) -> String {
        guard let match = stage.runtime.route(for: path) else { return "404" }
        let generation = match.entry.generation
        return "\(match.isLeaving ? "leaves" : "serves") \(generation.plugin) \(generation.number)"
    }

    private func subscribe(_ path: String) throws -> Visitor {
        try stage.subscribe(try #require(stage.runtime.route(for: path)).entry)
    }

    private func hangUp(_ visitor: Visitor) {
        visitor.hangUp()
        stage.turn()
    }

    @Test("of a plugin that is removed, as long as a stream drains; the plugin can be added again meanwhile")
    func removed() throws {
        try put("a.so", "1", "/a", "/items/{id}")
        let visitors = try ["/a", "/items/7"].map(subscribe)
        try remove("a.so")
        #expect(answer("/a") == "leaves a 1" && answer("/items/8") == "leaves a 1" && answer("/b") == "404")
        try put("b.so", "1", "/b")
        #expect(answer("/a") == "leaves a 1", "another reload changes nothing")
        try put("a.so", "2", "/a")
        #expect(answer("/a") == "serves a 2" && answer("/items/8") == "leaves a 1")
        try remove("a.so")
        #expect(answer("/a") == "leaves a 1", "the second generation has no streams, but the first has")
        for visitor in visitors { hangUp(visitor) }
        #expect(answer("/a") == "404" && answer("/items/8") == "404")
        #expect(stage.isIdle)
    }

    @Test("of a plugin without subscribers when it is removed: they are gone at once")
    func unused() throws {
        try put("a.so", "1", "/a")
        hangUp(try subscribe("/a"))
        try remove("a.so")
        #expect(answer("/a") == "404")
    }

    @Test("that a new generation no longer has, while streams of the old one drain")
    func dropped() throws {
        try put("a.so", "1", "/a", "/old")
        let visitor = try subscribe("/old")
        try put("a.so", "2", "/a")
        #expect(answer("/a") == "serves a 2" && answer("/old") == "leaves a 1")
        hangUp(visitor)
        #expect(answer("/old") == "404")
    }

    @Test("of a removed plugin whose new version is refused")
    func refused() throws {
        try put("a.so", "1", "/a")
        let visitor = try subscribe("/a")
        try remove("a.so")
        images["a.so"] = FakeImages.File(content: "2", plugin: "a", routes: ["/a"], refusal: "a.so: not today")
        #expect(try reloader.reload().refusals == ["a.so: not today"])
        #expect(answer("/a") == "leaves a 1")
        hangUp(visitor)
    }

    @Test("and that another plugin takes over: it serves, more literal or not")
    func takenOver() throws {
        try put("a.so", "1", "/a", "/a/b")
        let visitors = try ["/a", "/a/b"].map(subscribe)
        try remove("a.so")
        try put("c.so", "1", "/a", "/a/{x}")
        #expect(answer("/a") == "serves c 1" && answer("/a/b") == "serves c 1")
        for visitor in visitors { hangUp(visitor) }
    }

    @Test("until the drain deadline, even if a stream does not end then")
    func drainOver() throws {
        try put("a.so", "1", "/a")
        let producer = images.producer("/a", "1")
        let visitor = try subscribe("/a")
        try remove("a.so")
        _ = reloader.endRetired(after: 60_000_000_000)
        #expect(answer("/a") == "leaves a 1")
        // Its streams are told to end in the next turn of their loop, so this one has not ended yet.
        _ = reloader.endRetired(after: 0)
        #expect(answer("/a") == "404" && producer.only.closeReasons == [])
        stage.turn()
        #expect(producer.only.closeReasons == [.removed])
        hangUp(visitor)
    }

    @Test("opens nothing there")
    func supersededRequest() throws {
        // A request that was matched earlier, and arrives after the end of its generation.
        try put("a.so", "1", "/a")
        let early = try #require(stage.runtime.route(for: "/a"))
        let other = try subscribe("/a")
        try remove("a.so")
        #expect(throws: Overload.self) {
            try stage.runtime.open(
                RouteMatch(entry: Self.over(early.entry.producer), values: []), .plain.on("/a"), answering: FakeDoor())
        }
        hangUp(other)
        #expect(stage.isIdle)
    }

    private static func over(_ producer: any EventProducer) -> ProducerEntry {
        let generation = Generation(plugin: "a", number: 0)
        generation.retire()
        return ProducerEntry(producer: producer, generation: generation)
    }

    @Test("when the server stops: all of them, to the end")
    func stopping() throws {
        try put("a.so", "1", "/a", "/items/{id}")
        #expect(reloader.retireAll(deadline: 0) == [])
        #expect(answer("/a") == "leaves a 1" && answer("/items/1") == "leaves a 1" && answer("/b") == "404")
        _ = reloader.retireAll(deadline: 0)
        #expect(answer("/a") == "leaves a 1")
    }
}

extension StreamRequest {
    fileprivate func on(_ path: String) -> StreamRequest {
        var request = self
        request.path = path
        return request
    }
}
