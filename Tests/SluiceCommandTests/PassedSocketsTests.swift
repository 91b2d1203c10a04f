import Testing

@testable import SluiceCommand

@Suite("Sockets that a service manager has opened")
struct PassedSocketsTests {
    private func passed(_ process: String?, _ count: String?, _ names: String? = nil) -> PassedSockets {
        PassedSockets(process: process, count: count, names: names, ownProcess: 7)
    }

    @Test("begin with descriptor 3, and can have names")
    func named() {
        let sockets = passed("7", "3", "web:admin:web")
        #expect(sockets.descriptors(named: nil) == [3, 4, 5])
        #expect(sockets.descriptors(named: "web") == [3, 5] && sockets.descriptors(named: "other").isEmpty)
        #expect(passed("7", "2", "web").sockets.map(\.name) == ["web", "unknown"])
        #expect(passed("7", "1").sockets == [.init(descriptor: 3, name: "unknown")])
    }

    @Test("are none if they are for another process, or the variables make no sense")
    func none() {
        for (process, count) in [("8", "1"), (nil, "1"), ("7", nil), ("7", "0"), ("7", "-1"), ("7", "x"), ("x", "1")] {
            #expect(passed(process, count).sockets.isEmpty)
        }
    }
}
