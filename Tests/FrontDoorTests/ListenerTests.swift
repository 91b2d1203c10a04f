import Files
import Glibc
import Logging
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Listeners", .timeLimit(.minutes(3)))
struct ListenerTests {
    private let directory = TemporaryDirectory()

    private func failure(_ listeners: ListenSettings...) async -> String { await failure(listeners) }

    private func failure(_ listeners: [ListenSettings]) async -> String {
        var settings = ServerSettings()
        settings.listeners = listeners
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let server = Server(settings, opener: FakeOpener(), logger: logger)
        do {
            _ = try await server.start()
            await server.stop(within: .zero)
            return "listens"
        } catch {
            return error.description
        }
    }

    private func unix(_ name: String, mode: UInt32 = 0o660, group: String? = nil) -> ListenSettings {
        ListenSettings(.unix(path: "\(directory.path)/\(name)", mode: mode, group: group))
    }

    private func mode(_ name: String) -> UInt32 {
        FileStatus("\(directory.path)/\(name)", followsLinks: false)?.permissions ?? 0
    }

    @Test("localhost is both loopback addresses, on one port")
    func localhost() async throws {
        try await withServer {
            $0.listeners = [ListenSettings(host: "localhost", port: 0)]
        } _: { server in
            #expect(
                server.addresses.map(\.host) == ["127.0.0.1", "::1"] && Set(server.addresses.map(\.number)).count == 1)
            for host in ["127.0.0.1", "::1"] {
                let client = try RawClient(port: server.port, host: host)
                try client.send("GET /once HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                try #expect(client.readResponse().status == 421, "both are loopback addresses")
            }
        }
    }

    @Test(
        "an address that is listed twice is named, with what else stands for it; nothing is open afterwards",
        arguments: [
            ["127.0.0.1", "127.0.0.1"], ["localhost", "127.0.0.1"], ["127.0.0.1", "localhost"], ["::", "127.0.0.1"],
            ["::1", "::"], ["127.0.0.1", "0.0.0.0"], ["127.0.0.2", "::1", "::1"],
        ])
    func listedTwice(hosts: [String]) async throws {
        let port = try freePort()
        let listeners = hosts.map { ListenSettings(host: $0, port: port) }
        let (other, last) = (listeners[listeners.count - 2], listeners[listeners.count - 1])
        let addition = "\(other)" == "\(last)" ? "" : ", also as \(other)"
        let expected = "cannot listen on \(last): the address is listed twice\(addition)"
        #expect(await failure(listeners) == expected)
        #expect(await failure(last) == "listens")
    }

    @Test("so is a path; a free port is another one each time, and another family is another address")
    func listedOnce() async throws {
        #expect(
            await failure(unix("a.sock"), unix("a.sock"))
                == "cannot listen on unix:\(directory.path)/a.sock: the address is listed twice")
        #expect(await failure(.anyHost(0), .anyHost(0), unix("a.sock"), unix("b.sock")) == "listens")
        let port = try freePort()
        #expect(
            await failure(.anyHost("127.0.0.1", port), .anyHost("::1", port), .anyHost("127.0.0.2", port)) == "listens")
    }

    @Test("without a host, it is every address of both families")
    func everyAddress() async throws {
        try await withServer {
            $0.listeners = [ListenSettings(host: nil, port: 0)]
        } _: { server in
            #expect(server.addresses == [ServerAddress(host: "::", port: server.port)])
            for host in ["127.0.0.1", "::1"] {
                let client = try RawClient(port: server.port, host: host)
                try client.send(get("/once"))
                _ = try client.readToEnd()
                #expect(server.opener.opened.last?.request.remoteAddress == host)
            }
        }
    }

    @Test("the URL and the arguments for curl")
    func texts() {
        #expect(ServerAddress(host: "::", port: 80).curl("/a") == "'http://localhost:80/a'")
        #expect(ServerAddress(host: "::1", port: 80).curl("/a") == "'http://[::1]:80/a'")
        let file = ServerAddress(.http, .unix(path: "/run/s.sock"))
        #expect(file.url == "unix:/run/s.sock" && file.port == nil)
        #expect(file.curl("/a") == "--unix-socket '/run/s.sock' 'http://localhost/a'")
    }

    @Test("a socket in the file system: its permissions, its streams, and its end")
    func file() async throws {
        try await withServer {
            $0.listeners = [unix("a.sock"), unix("b.sock", mode: 0o600, group: "\(getegid())"), .anyHost(0)]
        } _: { server in
            #expect(mode("a.sock") == 0o660 && mode("b.sock") == 0o600)
            #expect(server.addresses[0].description == "unix:\(directory.path)/a.sock")
            let client = try RawClient(path: "\(directory.path)/a.sock")
            // No browser can be made to connect, so any host will do.
            try client.send("GET /once HTTP/1.1\r\nHost: any.example\r\n\r\n")
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
            #expect(server.opener.opened.first?.request.remoteAddress == "unix:")
            let other = try RawClient(path: "\(directory.path)/b.sock")
            try other.send(get("/missing"))
            #expect(try other.readResponse().status == 404)
            await server.server.stopAccepting()
            #expect(access("\(directory.path)/a.sock", F_OK) != 0, "it is removed")
        }
    }

    @Test("a socket that a killed server left behind is replaced; one in use, and other files, are not")
    func leftBehind() async throws {
        try UnixSocket.bind(to: "\(directory.path)/a.sock").get().close()
        try await withServer {
            $0.listeners = [unix("a.sock"), .anyHost(0)]
        } _: { server in
            let place = "cannot listen on unix:\(directory.path)"
            #expect(await failure(unix("a.sock")) == "\(place)/a.sock: another program listens there")
            directory.write("text".utf8, to: "b.sock")
            #expect(await failure(unix("b.sock")) == "\(place)/b.sock: a file of that name exists, and is not a socket")
            #expect(
                await failure(unix("no/c.sock"))
                    == "\(place)/no/c.sock: \(directory.path)/no: No such file or directory")
            #expect(
                await failure(unix("c.sock", group: "no-such-group"))
                    == "\(place)/c.sock: there is no group no-such-group")
            let client = try RawClient(path: "\(directory.path)/a.sock")
            try client.send(get("/missing"))
            try #expect(client.readResponse().status == 404, "it was disturbed")
        }
        #expect(await failure(unix("a.sock")) == "listens", "the one before has removed it")
    }

    @Test("if one listener fails, none is left, not even a file")
    func allOrNone() async throws {
        try await withServer { server in
            let error = await failure(unix("a.sock"), .anyHost("127.0.0.1", server.port))
            #expect(error.hasPrefix("cannot listen on 127.0.0.1:\(server.port): "))
            #expect(access("\(directory.path)/a.sock", F_OK) != 0)
        }
    }

    @Test("a directory that vanishes takes the socket with it, and does not disturb the end")
    func vanishes() async throws {
        try await withServer {
            $0.listeners = [unix("a.sock"), .anyHost(0)]
        } _: { server in
            directory.remove()
            try #expect(server.answer(to: get("/missing"), port: server.addresses[1].number).status == 404)
            await server.server.stopAccepting()
        }
    }

    @Test("sockets that the service manager has opened are served; what is none is refused by its number")
    func passed() async throws {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let place = SocketPlace.internet(.loopbackIPv4, port: 0)
        try #require(place.withAddress { bind(socket, $0, $1) } == 0)
        #expect(
            await failure(ListenSettings(.passed([socket], name: nil)))
                == "cannot listen on systemd: descriptor \(socket) is not a stream socket that listens")
        #expect(
            await failure(ListenSettings(.passed([], name: nil)))
                == "cannot listen on systemd: the service manager has passed no socket (LISTEN_FDS)")
        try #require(listen(socket, 1) == 0)
        var listener = ListenSettings(.passed([socket], name: nil))
        listener.hosts = HostNames()
        try await withServer {
            $0.listeners = [listener]
        } _: { server in
            #expect(server.addresses[0].host == "127.0.0.1")
            try #expect(server.answer(to: "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404)
            try #expect(server.answer(to: "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n").status == 421)
        }
    }
}
