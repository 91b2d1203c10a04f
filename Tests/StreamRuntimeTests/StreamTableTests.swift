import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Stream table")
struct StreamTableTests {
    @Test("slots are given out once at a time, from 1 on, and again when they are free")
    func slots() {
        let table = StreamTable()
        let slots = (0..<1000).map { _ in table.allocate()! }
        #expect(slots == Array(1...1000) && table.inUse == 1000 && table.end == 1001)
        #expect(table.release(500) == 999)
        #expect(table.allocate() == 500)
        for slot in slots.dropLast() { table.release(slot) }
        #expect(table.release(1000) == 0 && table.inUse == 0 && table.end == 1001)
    }

    @Test("a row stays where it is, however the table grows")
    func addresses() {
        let table = StreamTable()
        let first = table[table.allocate()!]
        for _ in 0..<2000 { _ = table.allocate() }
        #expect(table[1] == first)
        #expect(table.row(ifAllocated: 1) == first)
    }

    @Test("a slot that nobody gave out has no row, or one that is nobody's")
    func strangers() {
        let table = StreamTable()
        #expect(table.row(ifAllocated: 0) == nil)
        #expect(table.row(ifAllocated: 1) == nil)
        #expect(table.row(ifAllocated: 1 << 24 - 1) == nil)
        _ = table.allocate()
        let stranger = StreamToken(loop: 0, slot: 2, epoch: 1)
        #expect(table.withGate(of: stranger) { _ in true } == nil)
        #expect(table.markWoken(stranger) == .notDirect)
        #expect(table.markWoken(StreamToken(loop: 0, slot: 1 << 24 - 1, epoch: 1)) == .notDirect)
    }

    @Test("an idle stream's record is small")
    func size() {
        #expect(MemoryLayout<StreamRow>.stride <= 104 && StreamCell.bytes <= 32)
        #expect(MemoryLayout<HubReplica.Member>.stride == 16)
    }

    @Test("the epoch of a slot never becomes 0, also when it wraps")
    func epochs() throws {
        let stage = Stage()
        let first = try stage.open(FakeProducer(opening: { _ in .ended() }))
        stage.turn()
        stage.streams.table.cell(of: first.token.slot).mark.pointee.epoch = .max
        let second = try stage.open(FakeProducer())
        #expect(second.token.slot == first.token.slot && second.token.epoch == 1)
        stage.turn()
        #expect(second.door.answers == ["stream"])
    }

    @Test("streams go around all loops, and a token tells which is its own")
    func loops() throws {
        let systems = (0..<3).map { _ in VirtualSystem() }
        let runtime = Runtime(systems: systems, limits: Limits(), logger: FakeLog().logger)
        let producer = FakeProducer([.event("a")])
        let entry = ProducerEntry(producer: producer, generation: Generation(plugin: "fakes", number: 1))
        let match = RouteMatch(entry: entry, values: [])
        let tokens = try (0..<6).map { _ in try runtime.open(match, .plain, answering: FakeDoor()) }
        #expect(tokens.map(\.loop) == [0, 1, 2, 0, 1, 2])
        for _ in 0..<3 { runtime.turn() }
        let sockets = systems.map { $0.makeSocket() }
        for (index, socket) in sockets.enumerated() {
            runtime.attach(tokens[index], to: .descriptor(socket), form: .reconnects)
        }
        for _ in 0..<3 { runtime.turn() }
        for (system, socket) in zip(systems, sockets) {
            #expect(String(decoding: system.sockets[socket]!.sent, as: UTF8.self).withoutPreamble == frame("a"))
        }
        runtime.end(nil, .shutdown)
        for token in tokens[3...] { runtime.leave(token) }
        for (system, socket) in zip(systems, sockets) { system.hangUp(socket) }
        for _ in 0..<3 { runtime.turn() }
        #expect(runtime.rowsInUse == 0 && runtime.figures().streams.open == 0)
        #expect(entry.ledger.open == 0 && entry.ledger.opens == 6)
    }
}
