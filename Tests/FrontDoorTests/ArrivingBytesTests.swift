import ProducerInterface
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Arriving bodies", .timeLimit(.minutes(3)))
struct ArrivingBytesTests {
    private func upload(_ server: RunningServer, length: Int, sending count: Int) throws -> RawClient {
        let client = try server.connect()
        try client.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
        try client.send(String(repeating: "x", count: count))
        return client
    }

    @Test("A body over the limit is refused with a time to retry; others continue to arrive")
    func limit() async throws {
        try await withServer {
            $0.maxArrivingBytes = 100_000
            $0.uploadPatience = .seconds(60)
        } _: { server in
            let first = try upload(server, length: 80_001, sending: 80_000)
            #expect(await eventually { server.server.arrivingBytes >= 80_000 })
            let second = try upload(server, length: 80_001, sending: 80_000)
            let response = try second.readResponse()
            #expect(response.status == 503 && response["Retry-After"] != nil && response["Connection"] == "close")
            try #expect(second.readToEnd() == "")
            #expect(server.server.turnedAway.values.reduce(0, +) == 1)

            try first.send("x")
            try #expect(first.readToEnd().hasSuffix("data: hi\n\n"))
            #expect(try await server.opened().request.body.count == 80_001)
            #expect(await eventually { server.server.arrivingBytes == 0 })
            let third = try upload(server, length: 80_000, sending: 80_000)
            try #expect(third.readToEnd().hasSuffix("data: hi\n\n"))
        }
    }

    @Test("A body takes no space because of its announced length, nor if no route accepts it")
    func promises() async throws {
        try await withServer {
            $0.maxArrivingBytes = 100_000
        } _: { server in
            let promising = try (0..<10).map { _ in try upload(server, length: 90_000, sending: 1) }
            let other = try server.connect()
            try other.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n")
            try other.send(String(repeating: "x", count: 800_000))
            #expect(await eventually { 1...20_480 ~= server.server.arrivingBytes })
            let whole = try upload(server, length: 70_000, sending: 70_000)
            try #expect(whole.readToEnd().hasSuffix("data: hi\n\n"))
            withExtendedLifetime(promising) {}
        }
    }

    @Test("A body that does not progress makes room for others")
    func idle() async throws {
        try await withServer {
            $0.maxArrivingBytes = 100_000
            $0.uploadPatience = .zero
        } _: { server in
            let first = try upload(server, length: 80_001, sending: 80_000)
            #expect(await eventually { server.server.arrivingBytes >= 80_000 })
            let second = try upload(server, length: 80_000, sending: 80_000)
            try #expect(second.readToEnd().hasSuffix("data: hi\n\n"))
            try #expect(first.readResponse().status == 503)
            #expect(await eventually { server.server.arrivingBytes == 0 })
        }
    }

    @Test(
        "However a body ends, its memory is released",
        arguments: ["leaves", "resets", "stalls", "exceeds", "breaks off"])
    func ends(how: String) async throws {
        try await withServer {
            $0.maxBodyBytes = 50_000
            $0.bodyTimeout = .milliseconds(how == "stalls" ? 200 : 60_000)
        } _: { server in
            let client = try server.connect()
            try client.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n")
            try client.send(String(repeating: "x", count: 40_000))
            if how != "stalls" { #expect(await eventually { server.server.arrivingBytes >= 40_000 }) }
            switch how {
            case "leaves": client.halfClose()
            case "resets": client.reset()
            case "exceeds": try client.send("\r\n9c40\r\n" + String(repeating: "x", count: 40_000))
            case "breaks off": try client.send("\r\nno chunk\r\n")
            // Until the server has given it up.
            default: _ = try client.readToEnd()
            }
            #expect(await eventually { server.server.arrivingBytes == 0 })
        }
    }

    @Test(
        "A body is held once, whatever its pieces, and counted by the memory reserved for it",
        arguments: [1, 7, 2048, 60_000])
    func growth(pieceBytes: Int) throws {
        let connection = try EmbeddedConnection { $0.maxArrivingBytes = 60_000 }
        try connection.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        var sent = 0
        while sent < 60_000 {
            let count = min(pieceBytes, 60_000 - sent)
            try connection.send(bytes: count)
            sent += count
            if sent < 60_000 { #expect(sent...max(2 * sent, 2048) ~= connection.arrivingBytes) }
        }
        #expect(connection.bodyBytes == 60_000 && connection.arrivingBytes == 0)
    }
}
