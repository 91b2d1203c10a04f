import EventStream
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Delivery by hubs without chunks", .timeLimit(.minutes(5)))
struct HubPlainTests {
    @Test("the same bytes as others have in their chunks, wherever a write is split", arguments: [1, 2])
    func everyBoundary(_ loops: Int) throws {
        for room in 0..<150 {
            let stage = HubStage(loops: loops)
            let entry = stage.entry(HubDeliveringTests.producer())
            let whole = try stage.join(entry)
            let visitor = try stage.join(entry, room: room, form: .reconnects)
            stage.emit(entry, [Event(data: "first"), Event(data: "second"), Event(data: "third")])
            visitor.read(23)
            stage.turn()
            stage.emit(entry, data: "fourth")
            visitor.read(1 << 20)
            stage.turn()
            stage.emit(entry, data: "fifth")
            #expect(behindRetry(visitor.socket.sent) == unchunked(whole.socket.sent), "room \(room)")
        }
    }
}
