import Foundation
import Glibc
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Handover", .timeLimit(.minutes(3)))
struct HandOverTests {
    /// Opens a stream and takes its descriptor from the front door.
    private func takeDescriptor(_ server: RunningServer, _ client: RawClient) async throws -> Int32 {
        try client.send(get("/held"))
        let token = try await server.opened().token
        #expect(await eventually { server.opener.attachCount == 1 })
        guard case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: token) else {
            throw RunningServerError.nothingOpened
        }
        return descriptor
    }

    @Test("NIO's descriptor of the connection is closed, and no epoll set of it watches the socket any longer")
    func nothingLeft() async throws {
        try await withServer { server in
            let client = try server.connect()
            let descriptor = try await takeDescriptor(server, client)
            defer { close(descriptor) }
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            let inode = try #require(own.firstMatch(of: /^socket:\[(\d+)\]$/).flatMap { UInt64($0.output.1) })
            var holders = 0
            // epoll keeps a registration as long as any descriptor of the open file is left; proc(5) shows each with
            // its inode.
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
                // Other tests open and close descriptors meanwhile.
                let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) ?? ""
                if target == own { holders += 1 }
                guard target.contains("eventpoll"),
                    let watched = try? String(contentsOfFile: "/proc/self/fdinfo/" + name, encoding: .utf8)
                else { continue }
                #expect(!watched.contains("ino:" + String(inode, radix: 16) + " "))
            }
            #expect(holders == 1)
        }
    }

    @Test("The peer does not notice it: the connection works in both directions")
    func bothDirections() async throws {
        try await withServer { server in
            let client = try server.connect()
            let descriptor = try await takeDescriptor(server, client)
            defer { close(descriptor) }
            #expect(await eventually { server.server.connectionCount == 0 })
            try client.send("ping")
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 10_000) == 1)
            var bytes = [UInt8](repeating: 0, count: 8)
            #expect(recv(descriptor, &bytes, 8, 0) == 4)
            #expect(send(descriptor, bytes, 4, Int32(MSG_NOSIGNAL)) == 4)
            try #expect(client.read(through: "ping") == "ping")
        }
    }

    @Test("Earlier answers are sent first, however slowly they are read; then the connection belongs to the stream")
    func pendingAnswers() async throws {
        try await withServer {
            $0.sendBufferBytes = 4096
        } _: { server in
            let client = try RawClient(port: server.port, receiveBufferBytes: 2048)
            try client.send(String(repeating: get("/missing"), count: 150) + get("/held"))
            let token = try await server.opened().token
            #expect(server.opener.attachCount == 0)
            for _ in 0..<150 { try #expect(client.readResponse().status == 404) }
            #expect(await eventually { server.opener.attachCount == 1 })
            guard case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: token) else {
                Issue.record("no descriptor was handed over")
                return
            }
            let head = server.opener.head(of: token)
            #expect(send(descriptor, head, head.utf8.count, Int32(MSG_NOSIGNAL)) == head.utf8.count)
            close(descriptor)
            try #expect(client.readToEnd() == head)
        }
    }

    @Test("A client that does not read earlier answers loses its stream in time")
    func unreadAnswers() async throws {
        try await withServer {
            $0.sendBufferBytes = 4096
            $0.flushTimeout = .milliseconds(200)
        } _: { server in
            let client = try RawClient(port: server.port, receiveBufferBytes: 2048)
            try client.send(String(repeating: get("/missing"), count: 150) + get("/held"))
            let token = try await server.opened().token
            #expect(await eventually { server.opener.left == [token] })
            #expect(server.opener.attachCount == 0)
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    @Test("Thousands of connections are handed over, and none is kept")
    func many() async throws {
        try await withServer { server in
            for _ in 0..<3000 {
                let client = try server.connect()
                try client.send(get("/once"))
                try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
            }
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.attachCount == 3000)
            #expect(server.opener.left.isEmpty)
        }
    }
}
