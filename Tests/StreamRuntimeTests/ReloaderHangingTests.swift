import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// Plugins that hang, and everything that must not wait for them.
extension ReloaderTests {
    @Test("a shutdown that hangs delays neither a reload nor another plugin's, and is named in the log, once")
    func shutdownHangsInReload() async throws {
        let time = Watched<Int64>(0)
        let reloader = Reloader(
            runtime: stage.runtime, source: images, logger: stage.log.logger, clock: { time.read(\.self) })
        put("a.so", "1", "/a")
        put("b.so", "1", "/b")
        images.setHanging("a.so 1")
        _ = try reloader.reload()
        put("a.so", "2", "/a")
        put("b.so", "2", "/b")
        #expect(try reloader.reload() == report(replaced: ["a", "b"]))
        #expect(await eventually { images.shutdowns == ["b.so 1"] })
        let late = stage.runtime.limits.stuckReport
        let unfinished = ["a (generation 1)", "a (generation 2)", "b (generation 2)"]
        #expect(await eventually { reloader.unfinished == unfinished })
        #expect(reloader.endRetired(after: 0) == late, "when it is late")
        #expect(!stage.log.contains("error: a plugin's shutdown does not return; its thread is abandoned"))
        time.update { $0 = late }
        #expect(reloader.endRetired(after: 0) == nil)
        #expect(reloader.endRetired(after: 0) == nil)
        let lines = stage.log.lines.filter { $0.hasPrefix("error: a plugin's shutdown does not return") }
        #expect(lines.count == 1 && lines[0].contains("a (generation 1)"), "\(lines)")
        images.setHanging(nil)
        #expect(reloader.retireAll(deadline: .max) == [])
    }

    @Test("a shutdown for which there is no thread waits until there is one")
    func noThreadForShutdown() throws {
        let hasThreads = Watched(false)
        let reloader = Reloader(
            runtime: stage.runtime, source: images, logger: stage.log.logger,
            shuttingDown: { body in
                guard hasThreads.read(\.self) else { return false }
                body()
                return true
            })
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        images["a.so"] = nil
        #expect(try reloader.reload() == report(removed: ["a"]))
        _ = reloader.endRetired(after: 0)
        #expect(images.shutdowns == [])
        hasThreads.update { $0 = true }
        _ = reloader.endRetired(after: 0)
        #expect(images.shutdowns == ["a.so 1"])
        #expect(reloader.retireAll(deadline: 0) == [])
    }

    @Test("candidates that are ready serve while another one hangs")
    func hangingCandidate() throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        put("a.so", "2", "/a")
        put("b.so", "1", "/b")
        put("slow.so", "1", "/slow")
        images["slow.so"]?.isSlow = true
        images["slow.so"]?.refusal = "slow.so: did not answer"
        var meanwhile: [String?] = []
        let done = try reloader.reload { meanwhile = ["/a", "/b", "/slow"].map(self.serving) }
        #expect(meanwhile == ["a 2", "b 1", nil])
        #expect(
            done == report(loaded: ["b"], replaced: ["a"], refusals: ["slow.so: did not answer"], unserved: ["slow.so"])
        )
    }

    @Test("a file that needs what another has waits until that one is decided, and removed files serve until then")
    func waitingForOthers() throws {
        put("a.so", "1", "/x")
        put("b.so", "1", "/y")
        put("old.so", "1", plugin: "p", "/p")
        _ = try reloader.reload()
        put("a.so", "2", "/y")
        put("b.so", "2", "/x")
        images["b.so"]?.isSlow = true
        images["old.so"] = nil
        put("new.so", "2", plugin: "p", "/p")
        var meanwhile: [String?] = []
        let done = try reloader.reload { meanwhile = ["/x", "/y", "/p"].map(self.serving) }
        #expect(meanwhile == ["a 1", "b 1", "p 1"])
        #expect(done == report(loaded: ["p"], replaced: ["a", "b"], removed: ["p"]))
        #expect(["/x", "/y", "/p"].map(serving) == ["b 2", "a 2", "p 2"])
        #expect(images.shutdowns.sorted() == ["a.so 1", "b.so 1", "old.so 1"])
    }

    @Test("a refusal that depends on more than the file is remembered with that; a temporary one is not")
    func remembered() throws {
        put("a.so", "1", "/a")
        images["a.so"]?.refusal = "a.so: undefined symbol"
        images["a.so"]?.cause = .surroundings
        put("b.so", "1", "/b")
        images["b.so"]?.refusal = "b.so: no process to be had"
        images["b.so"]?.cause = .moment
        images.setSurroundings("library 1")
        _ = try reloader.reload()
        #expect(images.loads == ["a.so 1", "b.so 1"])
        let again = try reloader.reload()
        #expect(images.loads == ["a.so 1", "b.so 1", "b.so 1"])
        let text = "a.so: undefined symbol (not retried until the file, a library"
        #expect(again.refusals.first?.hasPrefix(text) == true)
        images.setSurroundings("library 2")
        images["a.so"]?.refusal = nil
        #expect(
            try reloader.reload() == report(loaded: ["a"], refusals: ["b.so: no process to be had"], unserved: ["b.so"])
        )
    }

    @Test("a reload that is given up changes nothing more, and what it loaded is shut down")
    func abandoned() throws {
        put("a.so", "1", "/a")
        _ = try reloader.reload()
        put("a.so", "2", "/a")
        images.abandon()
        #expect(throws: Reloader.Abandoned.self) { try reloader.reload() }
        #expect(serving("/a") == "a 1")
        #expect(images.shutdowns == ["a.so 2"])
    }
}
