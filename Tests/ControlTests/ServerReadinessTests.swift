import Synchronization
import Testing

@testable import Control

@Suite("Readiness")
struct ReadinessTests {
    private final class World: Sendable {
        let isStopping = Atomic(false)
        let silence = Atomic<Int64>(0)
    }

    private let world = World()
    private let readiness: ServerReadiness

    init() {
        readiness = ServerReadiness(
            isStopping: { [world] in world.isStopping.load(ordering: .relaxed) },
            silence: { [world] in world.silence.load(ordering: .relaxed) })
    }

    @Test("a server is ready from when it listens until it is told to stop")
    func life() {
        #expect(readiness.objections == ["the server is starting"])
        readiness.serves()
        #expect(readiness.objections.isEmpty)
        world.isStopping.store(true, ordering: .relaxed)
        #expect(readiness.objections == ["the server is stopping"])
    }

    @Test("a plugin that was refused at the start is missed until it serves or is gone; later refusals change nothing")
    func plugins() {
        readiness.serves()
        readiness.loaded(without: ["p/b.so": "p/b.so: empty", "p/a.so": "p/a.so: text"], isStart: true)
        #expect(readiness.objections == ["plugin refused: p/a.so: text", "plugin refused: p/b.so: empty"])
        readiness.loaded(without: ["p/b.so": "p/b.so: still empty", "p/new.so": "p/new.so: no"], isStart: false)
        #expect(readiness.objections == ["plugin refused: p/b.so: still empty"])
        readiness.loaded(without: ["p/new.so": "p/new.so: no"], isStart: false)
        #expect(readiness.objections.isEmpty)
        readiness.misses(producers: ["s.yaml:1: no loaded plugin has it"])
        #expect(readiness.objections == ["s.yaml:1: no loaded plugin has it"])
        readiness.misses(producers: [])
        #expect(readiness.objections.isEmpty)
    }

    @Test("a loop may be silent for two seconds")
    func loops() {
        readiness.serves()
        world.silence.store(2_000_000_000, ordering: .relaxed)
        #expect(readiness.objections.isEmpty && readiness.loopsTurn)
        world.silence.store(3_500_000_000, ordering: .relaxed)
        #expect(readiness.objections == ["an event loop has not turned for 3 s"] && !readiness.loopsTurn)
    }

    @Test("the objections are one line of JSON")
    func text() {
        #expect(ServerReadiness.text(of: []).elementsEqual(#"{"objections":[],"status":"ready"}"#.utf8))
        #expect(
            ServerReadiness.text(of: ["no \"x\""]).elementsEqual(
                #"{"objections":["no \"x\""],"status":"not ready"}"#.utf8))
    }
}
