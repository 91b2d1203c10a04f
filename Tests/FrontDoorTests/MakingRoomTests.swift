import Glibc
import NIOCore
import ProducerInterface
import StreamRuntime
import Synchronization
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Making room", .timeLimit(.minutes(3)))
struct MakingRoomTests {
    /// A connection that has received one answer, and sends nothing more.
    private func idle(_ server: RunningServer) throws -> RawClient {
        let client = try server.connect()
        try client.send(get("/missing"))
        try #expect(client.readResponse().status == 404)
        return client
    }

    private func isServed(_ client: RawClient) throws -> Bool {
        try client.send(get("/missing"))
        return try client.readResponse().status == 404
    }

    @Test("The connection that has idled longest makes room, on whatever thread it is", arguments: [1, 3])
    func longest(threads: Int) async throws {
        let log = CapturedLog()
        try await withServer(
            {
                $0.maxConnections = 4
                $0.threads = threads
            }, logger: log.logger
        ) { server in
            var clients = try (0..<4).map { _ in try idle(server) }
            // The first one is active again, and so has idled the shortest time.
            try #expect(isServed(clients[0]))
            clients.append(clients.removeFirst())
            for round in 0..<8 {
                let newcomer = try idle(server)
                try #expect(clients.removeFirst().readToEnd() == "", "round \(round)")
                clients.append(newcomer)
            }
            #expect(server.server.madeRoomCount == 8)
            for client in clients { try #expect(isServed(client)) }
            #expect(server.server.connectionCount == 4)
            let lines = log.lines.count {
                $0 == "warning: closing the connection that has waited longest, to make room for a new one"
            }
            #expect((1...threads * 8).contains(lines))
            #expect(!log.lines.contains { $0.contains("accepting is paused") })
        }
    }

    @Test(
        "A slow request does not make its connection look young",
        arguments: ["GET /missing HTTP/1.1\r\nX: ", "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"])
    func trickle(start: String) async throws {
        try await withServer {
            $0.maxConnections = 2
        } _: { server in
            let trickling = try server.connect()
            try trickling.send(start)
            #expect(await eventually { server.server.connectionCount == 1 })
            let other = try idle(server)
            try trickling.send("x")
            let newcomer = try idle(server)
            try #expect(trickling.readToEnd() == "")
            try #expect(isServed(other) && isServed(newcomer))
        }
    }

    @Test("An upload that progresses is younger than an idle connection")
    func progress() async throws {
        try await withServer {
            $0.maxConnections = 2
        } _: { server in
            let upload = try server.connect()
            try upload.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n")
            #expect(await eventually { server.server.connectionCount == 1 })
            let other = try idle(server)
            try upload.send(String(repeating: "x", count: 69_000))
            #expect(await eventually { server.server.arrivingBytes >= 69_000 })
            let newcomer = try idle(server)
            try #expect(other.readToEnd() == "")
            try upload.send(String(repeating: "x", count: 1000))
            try #expect(upload.readToEnd().hasSuffix("data: hi\n\n"))
            try #expect(isServed(newcomer))
        }
    }

    @Test("A connection whose request is being answered stays, however long it takes; the next one in line makes room")
    func busy() async throws {
        try await withServer {
            $0.maxConnections = 2
        } _: { server in
            let busy = try await server.busy(2)
            let newcomer = try server.connect()
            try newcomer.send(get("/missing"))
            try await server.opened(1).door.answer(.rejected(status: 404, message: "Nothing."))
            try #expect(busy[1].readResponse().status == 404)
            try #expect(newcomer.readResponse().status == 404)
            try #expect(busy[1].readToEnd() == "")
            for _ in 0..<3 { _ = try idle(server) }
            try await server.opened(0).door.answer(.rejected(status: 409, message: "At last."))
            try #expect(busy[0].readResponse().status == 409)
        }
    }

    @Test("Exactly as many are closed as new ones arrive")
    func flood() async throws {
        try await withServer {
            $0.maxConnections = 50
            $0.threads = 2
        } _: { server in
            let settled = try (0..<50).map { _ in try idle(server) }
            let newcomers = try (0..<20).map { _ in try server.connect() }
            for newcomer in newcomers { try newcomer.send(get("/missing")) }
            for newcomer in newcomers { try #expect(newcomer.readResponse().status == 404) }
            for newcomer in newcomers { try #expect(isServed(newcomer)) }
            // If several arrive at once, it depends on the threads which of them are closed.
            #expect(settled.count { (try? isServed($0)) == true } == 30)
            #expect(server.server.madeRoomCount == 20)
        }
    }

    @Test("No connection is closed before it had time to send its request")
    func rest() {
        let counts = ConnectionCounts(limit: 1)
        let thread = counts.addThread { _ in }
        let gate = counts.addGate {}
        counts.joined()
        counts.waitingChanged(on: thread, count: 1, since: .uptimeNanoseconds(5))
        let due = NIODeadline.uptimeNanoseconds(5) + ConnectionCounts.rest
        #expect(counts.roomElseWait(at: .uptimeNanoseconds(6), for: gate) == .at(due))
        #expect(counts.roomElseWait(at: due, for: gate) == .now)
    }

    @Test("A connection that could not make room is not waited for: the waiting ones must make enough")
    func busyBeyondLimit() {
        let counts = ConnectionCounts(limit: 2)
        let thread = counts.addThread { _ in }
        let gate = counts.addGate {}
        for _ in 0..<3 { counts.joined() }
        counts.waitingChanged(on: thread, count: 1, since: .uptimeNanoseconds(5))
        #expect(counts.roomElseWait(at: .distantFuture, for: gate) == .none)
        counts.left()
        #expect(counts.roomElseWait(at: .distantFuture, for: gate) == .now)
    }

    @Test("A closing connection counts once: a new one that arrives just then makes another one close, too")
    func letGoOnce() {
        let counts = ConnectionCounts(limit: 2)
        let asked = Mutex(0)
        let thread = counts.addThread { _ in asked.withLock { $0 += 1 } }
        for _ in 0..<3 { counts.joined() }
        counts.waitingChanged(on: thread, count: 2, since: .uptimeNanoseconds(5))
        counts.makeRoom()
        #expect(asked.withLock(\.self) == 1)
        counts.left(makesRoom: true)
        counts.joined()
        counts.makeRoom()
        #expect(asked.withLock(\.self) == 2)
        // No connection waited any longer, so the missing room is still wanted.
        counts.noRoomMade()
        counts.waitingChanged(on: thread, count: 1, since: .uptimeNanoseconds(6))
        counts.makeRoom()
        #expect(asked.withLock(\.self) == 3)
    }

    /// In its own process, because the limit applies to the whole process.
    @Test("Without a descriptor for a new connection, those that have idled longest make room")
    func descriptors() async {
        await #expect(processExitsWith: .success) {
            try await withServer { server in
                var idle: [RawClient] = []
                for _ in 0..<3 {
                    let client = try server.connect()
                    try client.send(get("/missing"))
                    try #expect(client.readResponse().status == 404)
                    idle.append(client)
                }
                let newcomer = try RawClient(port: server.port) {
                    var limit = rlimit()
                    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                    let free = dup(0)
                    close(free)
                    limit.rlim_cur = rlim_t(free)
                    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                }
                try newcomer.send(get("/once"))
                try #expect(newcomer.readToEnd().hasSuffix("data: hi\n\n"))
                try #expect(idle[0].readToEnd() == "" && idle[1].readToEnd() == "")
                try idle[2].send(get("/missing"))
                try #expect(idle[2].readResponse().status == 404)
                #expect(server.server.madeRoomCount == 2)
            }
        }
    }
}
