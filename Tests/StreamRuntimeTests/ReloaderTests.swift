import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Reloading", .timeLimit(.minutes(5)))
final class ReloaderTests: ReloadingStage {
    func put(_ path: String, _ content: String, plugin: String? = nil, _ routes: String...) {
        images.put(path, content, plugin: plugin, routes: routes)
    }

    /// "plugin generation" of the producer that serves a path.
    func serving(_ path: String) -> String? {
        guard let match = stage.runtime.route(for: path), !match.isLeaving else { return nil }
        return "\(match.entry.generation.plugin) \(match.entry.generation.number)"
    }

    func report(
        loaded: [String] = [], replaced: [String] = [], removed: [String] = [], unchanged: Int = 0,
        refusals: [String] = [], unserved: [String] = []
    ) -> Reloader.Report {
        var report = Reloader.Report()
        (report.loaded, report.replaced, report.removed) = (loaded, replaced, removed)
        (report.unchanged, report.refusals) = (unchanged, refusals)
        for path in unserved { report.unserved[path] = refusals.first { $0.hasPrefix(path + ":") } }
        return report
    }

    @Test("new, changed, unchanged and gone")
    func directory() throws {
        put("a.so", "1", "/a", "/a2")
        put("b.so", "1", "/b")
        #expect(try reloader.reload() == report(loaded: ["a", "b"]))
        #expect(serving("/a") == "a 1" && serving("/a2") == "a 1" && serving("/b") == "b 1")
        #expect(try reloader.reload() == report(unchanged: 2))
        #expect(images.loads == ["a.so 1", "b.so 1"], "what has not changed is not loaded again")
        put("a.so", "2", "/a")
        put("c.so", "1", "/c")
        images["b.so"] = nil
        #expect(try reloader.reload() == report(loaded: ["c"], replaced: ["a"], removed: ["b"]))
        #expect(serving("/a") == "a 2" && serving("/a2") == nil && serving("/b") == nil && serving("/c") == "c 1")
        #expect(images.shutdowns.sorted() == ["a.so 1", "b.so 1"], "without streams they shut down at once")
        #expect(reloader.entries.map(\.description.route) == ["/a", "/c"])
    }

    @Test("generation numbers are never reused")
    func numbers() throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        images["a.so"] = nil
        _ = try reloader.reload()
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        #expect(serving("/a") == "a 2")
        images["a.so"] = nil
        put("other.so", "9", plugin: "a", "/a")
        _ = try reloader.reload()
        #expect(serving("/a") == "a 3")
    }

    @Test("any refusal leaves the old generation serving, and is not retried until the file changes")
    func refusal() throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        for content in ["2", "unreadable"] {
            put("a.so", content, "/a")
            images["a.so"]?.refusal = "a.so: not today"
            let text = content == "2" ? "a.so: not today" : "a.so: unreadable"
            #expect(try reloader.reload() == report(refusals: [text]))
            #expect(serving("/a") == "a 1")
        }
        #expect(stage.log.contains("error: plugin refused; its old generation keeps serving"))
        put("new.so", "1", "/new")
        images["new.so"]?.refusal = "new.so: never"
        put("a.so", "3", "/a")
        #expect(try reloader.reload() == report(replaced: ["a"], refusals: ["new.so: never"], unserved: ["new.so"]))
        #expect(serving("/a") == "a 2" && serving("/new") == nil)
        images["new.so"]?.refusal = nil
        let loads = images.loads.count
        #expect(
            try reloader.reload()
                == report(
                    unchanged: 1, refusals: ["new.so: never (not retried until the file changes)"], unserved: ["new.so"]
                ))
        #expect(images.loads.count == loads)
        put("new.so", "2", "/new")
        #expect(try reloader.reload() == report(loaded: ["new"], unchanged: 1))
        // Removed and added again counts as a change.
        put("new.so", "3", "/new")
        images["new.so"]?.refusal = "new.so: never"
        _ = try reloader.reload()
        images["new.so"] = nil
        _ = try reloader.reload()
        put("new.so", "3", "/new")
        #expect(try reloader.reload() == report(loaded: ["new"], unchanged: 1))
    }

    @Test("a directory that can't be read changes nothing")
    func missing() throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        images.setMissing(true)
        #expect(throws: FakeImages.Refusal.self) { try reloader.reload() }
        #expect(serving("/a") == "a 1")
        images.setMissing(false)
        #expect(try reloader.reload() == report(unchanged: 1))
    }

    @Test("two files swap their routes in one reload")
    func swappedRoutes() throws {
        put("a.so", "1", "/x")
        put("b.so", "1", "/y")
        _ = try reloader.reload()
        put("a.so", "2", "/y")
        put("b.so", "2", "/x")
        #expect(try reloader.reload() == report(replaced: ["a", "b"]))
        #expect(serving("/x") == "b 2" && serving("/y") == "a 2")
    }

    @Test("a plugin is reported as loaded after its routes lead to it")
    func loadedLine() throws {
        let runtime = stage.runtime
        let served = Mutex<[Int?]>([])
        let log = FakeLog { line in
            guard line.contains("plugin loaded") else { return }
            let number = runtime.route(for: "/a")?.entry.generation.number
            served.withLock { $0.append(number) }
        }
        let reloader = Reloader(runtime: runtime, source: images, logger: log.logger, shuttingDown: atOnce)
        for content in ["1", "2"] {
            put("a.so", content, "/a")
            _ = try reloader.reload()
        }
        #expect(served.withLock(\.self) == [1, 2])
        _ = reloader.retireAll(deadline: 0)
    }

    @Test("a new version takes precedence over a new plugin that wants the same")
    func changedBeforeNew() throws {
        put("b.so", "1", "/b")
        _ = try reloader.reload()
        put("a.so", "1", "/b")
        put("b.so", "2", "/b")
        #expect(
            try reloader.reload() == report(replaced: ["b"], refusals: ["a.so: b.so has route /b"], unserved: ["a.so"]))
    }

    @Test("a refused file keeps what it had, even from plugins that would have got it")
    func keptFromOthers() throws {
        put("a.so", "1", "/x")
        put("b.so", "1", "/y")
        put("c.so", "1", "/z")
        _ = try reloader.reload()
        // a wants what b gives up; but b wants what c keeps, so nothing changes.
        put("a.so", "2", "/y")
        put("b.so", "2", "/z")
        #expect(
            try reloader.reload()
                == report(unchanged: 1, refusals: ["b.so: c.so has route /z", "a.so: b.so has route /y"]))
        #expect(serving("/x") == "a 1" && serving("/y") == "b 1" && serving("/z") == "c 1")
        #expect(images.shutdowns.sorted() == ["a.so 2", "b.so 2"])
    }

    @Test("a renamed file with the same content keeps serving, and so do two that swap their names")
    func renamed() throws {
        put("a.so", "1", plugin: "one", "/x")
        put("b.so", "2", plugin: "two", "/y")
        _ = try reloader.reload()
        (images["a.so"], images["c.so"]) = (nil, images["a.so"])
        var expected = report(unchanged: 1)
        expected.renamed = ["c.so"]
        #expect(try reloader.reload() == expected)
        #expect(serving("/x") == "one 1")
        (images["b.so"], images["c.so"]) = (images["c.so"], images["b.so"])
        expected = report()
        expected.renamed = ["b.so", "c.so"]
        #expect(try reloader.reload() == expected)
        #expect(serving("/x") == "one 1" && serving("/y") == "two 1")
        #expect(images.loads.count == 2 && images.shutdowns.isEmpty)
        // From now on, the new name counts.
        put("b.so", "3", plugin: "one", "/x")
        #expect(try reloader.reload() == report(replaced: ["one"], unchanged: 1))
        // A copy is another plugin, and its name is taken.
        images["d.so"] = images["c.so"]
        #expect(try reloader.reload().refusals == ["d.so: c.so has the same name"])
    }

    @Test("reports what serves and what drains")
    func figures() throws {
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        _ = try reloader.reload()
        let visitor = try stage.open(stage.runtime.route(for: "/a")!.entry)
        stage.turn()
        put("a.so", "2", "/a")
        _ = try reloader.reload()
        let generations = reloader.figures().generations
        #expect(generations.map { "\($0.image.plugin) \($0.number)" } == ["a 2", "b 1", "a 1"])
        #expect(generations.map { $0.retired?.reason } == [nil, nil, .reloaded])
        visitor.leave()
        stage.turn()
        #expect(reloader.figures().generations.count == 2)
    }

    @Test("at every moment of a reload, each generation is in the figures once")
    func moments() throws {
        let seen = Mutex<[[String]]>([])
        let look = Mutex<(@Sendable () -> [String])?>(nil)
        let log = FakeLog { line in
            guard line.contains("plugin loaded") || line.contains("plugin retired") else { return }
            if let names = look.withLock(\.self)?() { seen.withLock { $0.append(names) } }
        }
        let reloader = Reloader(runtime: stage.runtime, source: images, logger: log.logger, shuttingDown: atOnce)
        look.withLock {
            $0 = { [unowned reloader] in
                reloader.figures().generations.map { "\($0.image.plugin) \($0.number)" }.sorted()
            }
        }
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        _ = try reloader.reload()
        let visitors = try ["/a", "/b"].map { try stage.open(stage.runtime.route(for: $0)!.entry) }
        stage.turn()
        put("a.so", "2", "/a")
        images["b.so"] = nil
        _ = try reloader.reload()
        let moments = seen.withLock(\.self)
        #expect(moments.count == 5)
        #expect(moments.prefix(2).allSatisfy { $0 == ["a 1", "b 1"] })
        #expect(moments.dropFirst(2).allSatisfy { $0 == ["a 1", "a 2", "b 1"] })
        for visitor in visitors { visitor.leave() }
        stage.turn()
        _ = reloader.retireAll(deadline: 0)
    }

    @Test("figures that waited for the loops have the generations of after the wait")
    func figuresAfterWaiting() async throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        stage.turn()
        let found = Watched<[Int]?>(nil)
        let reloader = reloader
        let isStarted = startThread(named: "figures", stackBytes: 1 << 19) {
            let figures = reloader.figures(waiting: 3600)
            found.update { $0 = figures.generations.map(\.number) }
        }
        try #require(isStarted)
        try #require(await eventually { stage.system.isDue })
        put("a.so", "2", "/a")
        _ = try reloader.reload()
        let isAnswered = await eventually {
            stage.turn(1)
            return found.read { $0 != nil }
        }
        #expect(isAnswered && found.read(\.self) == [2])
    }

    @Test("a file that takes a name or a route of another is refused, and shut down; the other continues")
    func conflicts() throws {
        put("b.so", "1", "/b")
        _ = try reloader.reload()
        // It comes first in the directory, but the other was there before.
        put("a.so", "1", "/b")
        put("c.so", "5", plugin: "b", "/c")
        let refused = try reloader.reload()
        #expect(
            refused
                == report(
                    unchanged: 1, refusals: ["a.so: b.so has route /b", "c.so: b.so has the same name"],
                    unserved: ["a.so", "c.so"]))
        #expect(images.shutdowns == ["a.so 1", "c.so 5"])
        #expect(serving("/b") == "b 1" && serving("/c") == nil)
        // When the other gives up the route, it is free.
        put("b.so", "2", "/b2")
        let free = try reloader.reload()
        #expect(free.replaced == ["b"] && free.loaded == ["a"])
        #expect(serving("/b") == "a 1" && serving("/b2") == "b 2")
    }

    @Test("two new files want the same: the first gets it")
    func bothNew() throws {
        put("a.so", "1", "/x")
        put("b.so", "1", "/x")
        #expect(
            try reloader.reload() == report(loaded: ["a"], refusals: ["b.so: a.so has route /x"], unserved: ["b.so"]))
    }

    @Test("a renamed file with other content takes over")
    func renamedAndChanged() throws {
        put("a.so", "1", plugin: "p", "/p")
        _ = try reloader.reload()
        images["a.so"] = nil
        put("b.so", "2", plugin: "p", "/p")
        #expect(try reloader.reload() == report(loaded: ["p"], removed: ["p"]))
        #expect(serving("/p") == "p 2")
    }

    @Test("open streams of a replaced plugin continue to their deadline, then end for the right reason")
    func drain() async throws {
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        put("c.so", "1", "/c")
        _ = try reloader.reload()
        let visitors = try ["/a", "/b", "/c"].map { path in
            try stage.subscribe(stage.runtime.route(for: path)!.entry)
        }
        put("a.so", "2", "/a")
        images["b.so"] = nil
        _ = try reloader.reload()
        let before = monotonicNanoseconds()
        let next = reloader.endRetired(after: 60_000_000_000)
        #expect(next.map { $0 > before && $0 <= before + 60_000_000_000 } == true)
        stage.turn()
        #expect(["/a", "/b"].allSatisfy { images.producer($0, "1").only.closeReasons == [] })
        #expect(images.shutdowns == [])
        #expect(reloader.figures().generations.flatMap(\.producers).count == 4, "the ledger still knows the old ones")
        #expect(reloader.endRetired(after: 0) == nil)
        stage.turn()
        #expect(images.producer("/a", "1").only.closeReasons == [.reloaded])
        #expect(images.producer("/b", "1").only.closeReasons == [.removed])
        #expect(images.producer("/c", "1").only.closeReasons == [])
        #expect(visitors[0].text.withoutFarewell == "")
        #expect(await eventually { images.shutdowns.sorted() == ["a.so 1", "b.so 1"] })
        #expect(reloader.endRetired(after: 0) == nil && reloader.figures().generations.flatMap(\.producers).count == 2)
        for visitor in visitors { visitor.hangUp() }
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("at the end of the server, every generation is shut down, once")
    func retireAll() async throws {
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        _ = try reloader.reload()
        put("a.so", "2", "/a")
        _ = try reloader.reload()
        let visitor = try stage.open(stage.runtime.route(for: "/b")!.entry)
        stage.turn()
        let soon = monotonicNanoseconds() + 10_000_000
        #expect(reloader.retireAll(deadline: soon) == ["b (generation 1)"], "it has a stream")
        let left = reloader.figures().generations
        #expect(left.map(\.image.plugin) == ["b"] && left.map { $0.retired?.reason } == [.shutdown], "for the ledger")
        #expect(serving("/a") == nil)
        visitor.leave()
        stage.turn()
        #expect(reloader.retireAll(deadline: monotonicNanoseconds() + 20_000_000_000) == [])
        #expect(images.shutdowns.sorted() == ["a.so 1", "a.so 2", "b.so 1"])
        #expect(reloader.entries.isEmpty)
    }

    @Test("a plugin whose shutdown hangs is named, and not waited for longer than the deadline")
    func shutdownHangs() async throws {
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        images.setHanging("a.so 1")
        let reloader = Reloader(runtime: stage.runtime, source: images, logger: stage.log.logger)
        _ = try reloader.reload()
        for path in ["/a", "/b"] {
            let visitor = try stage.open(stage.runtime.route(for: path)!.entry)
            stage.turn()
            // With an open stream, the shutdown comes later.
            images[String(path.dropFirst()) + ".so"] = nil
            _ = try reloader.reload()
            visitor.leave()
            stage.turn()
        }
        #expect(await eventually { images.shutdowns == ["b.so 1"] })
        let deadline = monotonicNanoseconds() + 10_000_000
        #expect(reloader.retireAll(deadline: deadline) == ["a (generation 1)"])
        images.setHanging(nil)
        #expect(reloader.retireAll(deadline: .max) == [])
        #expect(images.shutdowns == ["b.so 1", "a.so 1"])
    }
}
