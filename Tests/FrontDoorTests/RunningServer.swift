import Logging
import StreamRuntime
import TestSupport

@testable import FrontDoor

/// Runs `body` against a server on a free loopback port, and stops it.
func withServer(
    _ change: (inout ServerSettings) -> Void = { _ in },
    pages: PageTable = PageTable(), logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: (RunningServer) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.listeners = [.anyHost("127.0.0.1", 0)]
    settings.lingerTimeout = .milliseconds(200)
    // Tests share few threads, so any of them can be slower than a real client.
    settings.headTimeout = .seconds(60)
    change(&settings)
    let opener = FakeOpener()
    let server = Server(settings, pages: pages, opener: opener, logger: logger)
    let addresses = try await server.start()
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(RunningServer(server: server, opener: opener, addresses: addresses)))
    } catch {
        result = .failure(error)
    }
    await server.stop(within: .zero)
    try result.get()
}

struct RunningServer {
    let server: Server
    let opener: FakeOpener
    /// The addresses that it listens on.
    let addresses: [ServerAddress]
    /// The port of the first address.
    var port: Int { addresses[0].number }

    func connect() throws -> RawClient { try RawClient(port: port) }

    /// Sends one request on a new connection, and reads one response.
    func answer(to request: String, isHead: Bool = false, port: Int? = nil) throws -> RawResponse {
        let client = try RawClient(port: port ?? self.port)
        try client.send(request)
        return try client.readResponse(toHead: isHead)
    }

    /// Opens connections whose requests are being answered; they must be the first of a server.
    func busy(_ count: Int) async throws -> [RawClient] {
        var clients: [RawClient] = []
        for index in 0..<count {
            // Each sends at once: if it sent nothing for a second, it would count as waiting for a moment.
            let client = try connect()
            try client.send(get("/slow"))
            _ = try await opened(index)
            clients.append(client)
        }
        return clients
    }

    /// Waits until a stream has been opened, and returns it.
    func opened(_ index: Int = 0) async throws -> FakeOpener.Opened {
        guard await eventually({ opener.opened.count > index }) else { throw RunningServerError.nothingOpened }
        return opener.opened[index]
    }
}

enum RunningServerError: Error {
    case nothingOpened
}

/// "GET `target` HTTP/1.1" with a Host and further header lines.
func get(_ target: String, _ headers: String...) -> String {
    "GET \(target) HTTP/1.1\r\nHost: test\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n"
}

extension ListenSettings {
    /// Accepts any `Host`, so that tests need not have the right one.
    static func anyHost(_ port: Int) -> ListenSettings { anyHost("127.0.0.1", port) }

    static func anyHost(_ address: String, _ port: Int) -> ListenSettings {
        var listener = ListenSettings(host: address, port: port)
        listener.hosts = HostNames(["*"])
        return listener
    }
}

extension ServerAddress {
    /// The address, of one that is not in the file system.
    var host: String {
        if case .internet(let host, _) = place { host } else { "" }
    }

    /// The port, of one that is not in the file system.
    var number: Int { port ?? 0 }
}
